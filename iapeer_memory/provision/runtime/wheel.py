"""A wheel of ours, opened in memory: proved by a hash, then file by file by its own record. Pure.

Never runs anything of it and never writes; a name that leaves our package is refused. Source: the wheel format
(PEP 427, PEP 491).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile

from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.provision.runtime.package import NAME, Content, Package, of_contents

FILE_NAME = re.compile(r"iapeer_memory-([0-9][0-9A-Za-z.+!_]*)(?:-\d[^-]*)?-py3-none-any\.whl\Z", re.ASCII)
MOST_FILES, MOST_BYTES = 5_000, 64 << 20


def open_wheel(data: bytes, name: str, sha256: str) -> Package:
    """The package in a wheel. `name`: its file name; `sha256`: hex. Raises InstallFailed."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise InstallFailed(f"{name} has the SHA-256 {found}, not {sha256.lower()}", remedy="fetch the wheel again")
    match = FILE_NAME.match(name)
    if not match:
        raise InstallFailed(f"{name} is not a wheel of iapeer-memory for every platform")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = dict(unpack(archive, name))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InstallFailed(f"{name} cannot be opened ({error})", remedy="fetch the wheel again") from None
    info = f"{NAME}-{match[1]}.dist-info"
    check_record(files, info, name)
    ours = [Content(path, content) for path, content in files.items() if path.startswith(f"{NAME}/")]
    package = of_contents(ours, source=f"the wheel {name}")
    if package.version != match[1]:
        raise InstallFailed(f"{name} holds version {package.version}")
    return package


def unpack(archive: zipfile.ZipFile, name: str) -> list[tuple[str, bytes]]:
    """(path, bytes) of every file, within limits and within our package."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise InstallFailed(f"{name} is larger than a wheel of iapeer-memory can be")
    unpacked = []
    for entry in entries:
        path = entry.filename
        top = path.split("/", 1)[0]
        known = top == NAME or (top.startswith(f"{NAME}-") and top.endswith(".dist-info"))
        if not known or not path.isprintable() or "\\" in path or {"", ".", ".."} & set(path.split("/")):
            raise InstallFailed(f"{name} holds {path!r}, which is not part of iapeer-memory")
        unpacked.append((path, archive.read(entry)))
    return unpacked


def check_record(files: dict[str, bytes], info: str, name: str) -> None:
    """Every file is in the record with its hash, and nothing is missing. Raises InstallFailed."""
    record = files.get(f"{info}/RECORD")
    if record is None:
        raise InstallFailed(f"{name} has no record of its files", remedy="fetch the wheel again")
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(record.decode("utf-8", "replace"))) if len(row) > 1}
    for path, content in files.items():
        if path == f"{info}/RECORD":
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if rows.get(path) != f"sha256={digest}":
            raise InstallFailed(f"{path} in {name} is not what its record says", remedy="fetch the wheel again")
    missing = sorted(path for path, digest in rows.items() if digest and path not in files)
    if missing:
        raise InstallFailed(f"{name} lacks {missing[0]}", remedy="fetch the wheel again")
