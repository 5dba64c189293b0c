"""install.sh with a made-up checkout and wheels of its own; nothing is fetched from anywhere."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.material import checkout, wheel

SCRIPT = Path(__file__).parents[3] / "install.sh"
TOOLS = ("cat", "cksum", "cp", "dirname", "grep", "mkdir", "mktemp", "mv", "rm", "sh", "tail")
MAIN = "import alpha, sys\nfrom iapeer_memory import __version__\nprint(__version__, alpha.VERSION, *sys.argv[1:])\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout whose lock names one wheel that lies in a folder."""
    alpha = wheel(tmp_path / "wheels", "alpha", "1.0", {"alpha/__init__.py": b"VERSION = '1.0'\n"})
    digest = hashlib.sha256(alpha.read_bytes()).hexdigest()
    lock = f"--no-index\n--find-links {alpha.parent}\nalpha==1.0 --hash=sha256:{digest}\n"
    root = checkout(tmp_path / "a checkout", "1.0", lock)
    (root / "iapeer_memory" / "__main__.py").write_text(MAIN)
    shutil.copy(SCRIPT, root / "install.sh")
    return root


def tools(tmp_path: Path, **programs: str) -> str:
    """A search path with the plain tools and these programs alone."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return str(folder)


def run(
    place: Path, *words: str, path: str | None = None, python: str | None = sys.executable, **env: str
) -> subprocess.CompletedProcess[str]:
    given = {"HOME": str(place.parent), "PATH": path or os.environ["PATH"], "TMPDIR": str(place.parent), **env}
    if python:
        given["PYTHON"] = python
    return subprocess.run(
        [str(place / "install.sh"), *words], env=given, cwd="/", capture_output=True, text=True, timeout=120
    )


def test_it_runs_init_from_the_locked_packages_and_is_quick_the_second_time(place: Path) -> None:
    hostile = {"PIP_TARGET": "/nowhere", "PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}
    first = run(place, "--vault", "/a b", **hostile)
    assert (first.returncode, first.stdout) == (0, "1.0 1.0 init --vault /a b\n"), first.stderr
    assert [line.split(": ", 1)[1].split(" with ")[0] for line in first.stderr.splitlines()] == [
        "making a build environment",
        "fetching the locked packages",
    ]
    venv = place / ".cache" / "install-venv"
    made = venv.stat().st_mtime_ns
    second = run(place)
    assert (second.returncode, second.stdout, second.stderr) == (0, "1.0 1.0 init\n", "")
    assert venv.stat().st_mtime_ns == made
    assert [p.name for p in (place / ".cache").iterdir() if p.name.startswith("install-venv.")] == []


def test_a_changed_lock_or_a_broken_environment_is_made_anew(place: Path) -> None:
    run(place)
    with (place / "requirements.lock").open("a") as out:
        out.write("# changed\n")
    assert "fetching" in run(place).stderr
    (place / ".cache" / "install-venv" / "bin" / "python").unlink()
    assert "fetching" in run(place).stderr
    assert run(place).stderr == ""


def test_the_demo(place: Path) -> None:
    assert run(place, "--demo", "--fast").stdout == "1.0 1.0 demo --fast\n"


def test_the_exit_code_is_inits(place: Path) -> None:
    (place / "iapeer_memory" / "__main__.py").write_text("import sys\nsys.exit(2)\n")
    assert run(place).returncode == 2


def test_a_package_with_another_hash_stops_it(place: Path) -> None:
    lock = place / "requirements.lock"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:00")[:-3] + "\n")
    done = run(place)
    assert done.returncode == 1
    assert "the locked packages cannot be had: ERROR" in done.stderr
    assert not (place / ".cache" / "install-venv").exists()


def test_a_checkout_that_cannot_be_written(place: Path) -> None:
    (place / ".cache").write_text("in the way")
    done = run(place, "x")
    assert (done.returncode, done.stdout) == (0, "1.0 1.0 init x\n"), done.stderr
    assert [p.name for p in place.parent.iterdir() if p.name.startswith("iapeer-memory-install.")] == []


def test_no_python(place: Path, tmp_path: Path) -> None:
    done = run(place, path=tools(tmp_path), python=None)
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; no python3 is on the PATH" in done.stderr
    assert "fix:" in done.stderr


OLD = '#!/bin/sh\ncase $3 in *ensurepip*) exit 1 ;; *"print("*) echo 3.9.2 ;; *) exit 1 ;; esac\n'
NO_VENV = '#!/bin/sh\ncase $3 in *ensurepip*) exit 1 ;; *"print("*) echo 3.12.1 ;; *) exit 0 ;; esac\n'


def test_an_old_python(place: Path, tmp_path: Path) -> None:
    done = run(place, path=tools(tmp_path, python3=OLD), python=None)
    assert done.returncode == 1 and "python3 is 3.9.2" in done.stderr


def test_an_old_python_beside_a_newer_one(place: Path, tmp_path: Path) -> None:
    newer = {"python3": OLD, "python3.12": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'}
    done = run(place, path=tools(tmp_path, **newer), python=None)
    assert (done.returncode, done.stdout) == (0, "1.0 1.0 init\n"), done.stderr


def test_a_python_without_venv(place: Path, tmp_path: Path) -> None:
    done = run(place, path=tools(tmp_path, python3=NO_VENV), python=None)
    assert done.returncode == 1 and "python3-venv" in done.stderr


def test_half_a_checkout(place: Path) -> None:
    (place / "requirements.lock").unlink()
    done = run(place)
    assert done.returncode == 1 and "requirements.lock is missing" in done.stderr
