"""Made-up programs, distributions and wheels, small enough that a runtime of them takes milliseconds. For tests."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from iapeer_memory.domain.door import Door
from iapeer_memory.provision.runtime.program import Program, running_interpreter

MAIN = "import sys\nfrom iapeer_memory import __version__\nprint(__version__, sys.prefix, *sys.argv[1:])\n"


def digest(data: bytes) -> str:
    """As RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def record(files: Mapping[str, bytes], info: str) -> bytes:
    """A RECORD with itself in it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for path, data in files.items():
        writer.writerow([path, digest(data), len(data)])
    writer.writerow([f"{info}/RECORD", "", ""])
    return out.getvalue().encode()


def distribution(site: Path, name: str, version: str, files: Mapping[str, bytes] | None = None) -> None:
    """Install a distribution into a folder, as an installer would, script and notes included."""
    info = f"{name}-{version}.dist-info"
    held = {f"{name}/__init__.py": f"VERSION = {version!r}\n".encode(), **(files or {})}
    held[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    held[f"{info}/INSTALLER"] = b"test\n"
    for path, data in held.items():
        place(site / path, data)
    rows = record(held, info).decode() + f"../../../bin/{name},{digest(b'x')},1\n{name}/__pycache__/__init__.pyc,,\n"
    place(site / info / "RECORD", rows.encode())


def wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel file."""
    info = f"{name}-{version}.dist-info"
    held = dict(files)
    held[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    held[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    held[f"{info}/RECORD"] = record(held, info)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name_inside, data in held.items():
            archive.writestr(name_inside, data)
    return path


def package_files(version: str, lock: str, **more: str) -> dict[str, bytes]:
    """The files of our package as a wheel has them."""
    return {
        "iapeer_memory/__init__.py": f'__version__ = "{version}"\n'.encode(),
        "iapeer_memory/__main__.py": MAIN.encode(),
        "iapeer_memory/_templates/a.txt": b"a {{B}}\n",
        "iapeer_memory/_requirements.lock": lock.encode(),
        **{f"iapeer_memory/{name}.py": text.encode() for name, text in more.items()},
    }


def checkout(root: Path, version: str, lock: str = "alpha==1.0\n", **more: str) -> Path:
    """A checkout with a package, templates and a lock."""
    for path, data in package_files(version, lock, **more).items():
        inside = path.removeprefix("iapeer_memory/")
        if inside.startswith("_templates/"):
            place(root / "templates" / inside.removeprefix("_templates/"), data)
        elif inside == "_requirements.lock":
            place(root / "requirements.lock", data)
        else:
            place(root / path, data)
    return root


def program(door: Door, root: Path, site: Path, version: str) -> Program:
    """The facts of a process that runs from that checkout, with its distributions in `site`."""
    return Program(
        version=version,
        package=str(root / "iapeer_memory"),
        templates=str(root / "templates"),
        lock=str(root / "requirements.lock"),
        site=(str(site),),
        prefix=str(root / ".venv"),
        interpreter=running_interpreter(door),
        source=f"the program at {root}",
    )


def from_runtime(door: Door, material: Program, runtime: str) -> Program:
    """The facts of a process that runs from a runtime."""
    site = f"{runtime}/lib/python{material.interpreter.tag}/site-packages"
    package = f"{site}/iapeer_memory"
    return replace(
        material,
        package=package,
        templates=f"{package}/_templates",
        lock=f"{package}/_requirements.lock",
        site=(site,),
        prefix=door.files.realpath(runtime),
    )


def place(path: Path, data: bytes) -> None:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
