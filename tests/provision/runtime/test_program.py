"""Which interpreter is written into a runtime, and compiled modules."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.provision.runtime.bytecode import compiled, pyc_path, taken_over
from iapeer_memory.provision.runtime.program import lasting_interpreter, running_program


def interpreter(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#!/bin/sh\n")
    path.chmod(0o755)
    return path


def link(path: Path, target: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def test_the_name_with_the_version_is_preferred_to_one_that_moves(door: Door, tmp_path: Path) -> None:
    """Debian: /usr/bin/python3 leads to another version one day."""
    real = interpreter(tmp_path / "usr" / "python3.11")
    base = link(tmp_path / "usr" / "python3", real)
    running = link(tmp_path / "venv" / "bin" / "python", base)
    found = lasting_interpreter(door.files, str(base), str(running), "3.11", (str(tmp_path / "venv"),))
    assert found == str(real)


def test_a_stable_link_is_preferred_to_the_folder_of_a_patch_release(door: Door, tmp_path: Path) -> None:
    """A package manager that keeps each patch release in a folder of its own."""
    real = interpreter(tmp_path / "cellar" / "3.11.7" / "bin" / "python3.11")
    stable = link(tmp_path / "opt" / "bin" / "python3.11", real)
    running = link(tmp_path / "venv" / "bin" / "python", stable)
    found = lasting_interpreter(door.files, str(stable), str(running), "3.11", (str(tmp_path / "venv"),))
    assert found == str(stable)


def test_another_interpreter_of_that_name_is_not_taken(door: Door, tmp_path: Path) -> None:
    interpreter(tmp_path / "bin" / "python3.11")
    base = interpreter(tmp_path / "bin" / "python3")
    assert lasting_interpreter(door.files, str(base), str(base), "3.11", ()) == str(base)


def test_a_copied_interpreter_is_replaced_by_its_base(door: Door, tmp_path: Path) -> None:
    base = interpreter(tmp_path / "usr" / "python3.11")
    copy = interpreter(tmp_path / "venv" / "bin" / "python")
    found = lasting_interpreter(door.files, str(base), str(copy), "3.11", (str(tmp_path / "venv"),))
    assert found == str(base)


def test_an_interpreter_in_a_cache_is_refused(door: Door, tmp_path: Path) -> None:
    base = interpreter(tmp_path / ".cache" / "tool" / "python3.11")
    with pytest.raises(InstallFailed, match="may be deleted"):
        lasting_interpreter(door.files, str(base), str(base), "3.11", (str(tmp_path / ".cache"),))


def test_this_process(door: Door) -> None:
    program = running_program(door)
    assert os.path.samefile(program.interpreter.python, os.path.realpath(sys.executable))
    assert Path(program.package, "__main__.py").exists() and Path(program.lock).exists()
    assert program.interpreter.tag == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_an_installers_compiled_file_is_taken_over_only_for_its_own_source(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("x = 1\n")
    data = source.read_bytes()
    mtime = int(source.stat().st_mtime)
    py_compile.compile(str(source), cfile=str(tmp_path / "m.pyc"))
    pyc = (tmp_path / "m.pyc").read_bytes()
    taken = taken_over(pyc, data, mtime)
    assert taken is not None
    assert (taken[4:8], taken[8:16]) == (b"\1\0\0\0", importlib.util.source_hash(data))
    assert taken_over(taken, data, 0) == taken
    assert taken_over(pyc, data, mtime + 1) is None
    assert taken_over(pyc, data + b" ", mtime) is None
    assert taken_over(b"\0" + pyc[1:], data, mtime) is None
    assert taken_over(taken, b"x = 2\n", mtime) is None
    assert taken_over(None, data, mtime) is None


def test_what_does_not_compile_is_left_out() -> None:
    assert compiled(b"print 'two'\n", "x.py") is None
    assert compiled(b"a\0b", "x.py") is None
    assert compiled(b"x = 1\n", "x.py") is not None


def test_where_a_compiled_file_lies() -> None:
    assert pyc_path("a/b.py", "cpython-311") == "a/__pycache__/b.cpython-311.pyc"
    assert pyc_path(__file__, str(sys.implementation.cache_tag)) == importlib.util.cache_from_source(__file__)
