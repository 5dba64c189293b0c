"""memoryd's own executable: in every runtime whose interpreter can be copied, mended when that one changes, and started
bare it is memoryd with this host's settings."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.provision.runtime.install import install_running
from iapeer_memory.provision.runtime.program import Program
from iapeer_memory.surfaces.shims import render_daemon_environment
from tests.provision.runtime.conftest import Bench
from tests.support.material import from_runtime

TELLER = """
import os, sys
print(sys.executable, os.path.realpath("/proc/self/exe"), sys.orig_argv[1:], os.environ.get("IAPEER_ROOT"))
"""


def interpreted(bench: Bench, python: Path, version: str = "1.0") -> Program:
    """A program on that interpreter."""
    given = bench.program(version)
    return replace(given, interpreter=replace(given.interpreter, python=str(python)))


def own_copy(bench: Bench) -> Path:
    """An interpreter that the test may change: the real one, in a folder from which it finds its library."""
    real = Path(os.path.realpath(bench.program().interpreter.python))
    python = bench.root / "base" / "bin" / real.name
    python.parent.mkdir(parents=True)
    for name in ("lib", "include"):
        (bench.root / "base" / name).symlink_to(real.parents[1] / name)
    python.write_bytes(real.read_bytes())
    python.chmod(0o755)
    return python


def bare(program: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Start it as a broker does: without arguments."""
    return subprocess.run(
        [str(program)], env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )


def test_started_bare_it_is_memoryd_with_the_settings_of_this_host(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program(__main__=TELLER))
    program = Path(made.runtime) / "bin" / "memoryd"
    data = render_daemon_environment(paths=bench.paths)
    bench.door.files.write(bench.paths.daemon_environment, data, mode=0o600)
    words = "['-I', '-m', 'iapeer_memory', 'memoryd']"
    told = bare(program, IAPEER_ROOT="/elsewhere")
    assert (told.stderr, told.stdout) == ("", f"{program} {program} {words} {bench.paths.root}\n")
    linked = bare(Path(bench.paths.current_runtime) / "bin" / "memoryd")
    assert f"{program} {words}" in linked.stdout, "its file is the runtime's, whatever the way to it"


def test_without_its_settings_it_says_one_line_and_starts_nothing(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program(__main__=TELLER))
    told = bare(Path(made.runtime) / "bin" / "memoryd")
    assert (told.returncode, told.stdout) == (78, "")
    assert told.stderr == (
        f"memoryd does not start: {bench.paths.daemon_environment}: No such file or directory; "
        "fix: iapeer-memory verify --repair\n"
    )


def test_with_arguments_it_is_an_interpreter(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program(__main__=TELLER))
    words = [f"{made.runtime}/bin/memoryd", "-I", "-c", "import sys; print(sys.prefix)"]
    done = subprocess.run(words, env={}, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == (f"{made.runtime}\n", "")


@pytest.mark.parametrize("how", ["missing", "changed", "not executable", "a link"])
def test_what_happened_to_it_is_seen_and_mended(bench: Bench, how: str) -> None:
    made = install_running(bench.door, bench.paths, bench.program())
    program = Path(made.runtime) / "bin" / "memoryd"
    good = program.read_bytes()
    match how:
        case "missing":
            program.unlink()
        case "changed":
            program.write_bytes(good[:-2] + b"x\n")
        case "not executable":
            program.chmod(0o644)
        case _:
            program.unlink()
            program.symlink_to(bench.program().interpreter.python)
    assert bench.shelf.damage(made.build) == ("bin/memoryd",)
    assert install_running(bench.door, bench.paths, bench.program()).action == "healed"
    assert bench.shelf.damage(made.build, deep=True) == ()
    assert not program.is_symlink() and program.read_bytes() == good


def test_it_follows_an_interpreter_that_the_system_renewed(bench: Bench) -> None:
    """Otherwise memoryd alone would go without a mended interpreter until the next version of ours."""
    python = own_copy(bench)
    made = install_running(bench.door, bench.paths, interpreted(bench, python))
    program = Path(made.runtime) / "bin" / "memoryd"
    python.write_bytes(python.read_bytes() + b"a patch\n")
    assert bench.shelf.damage(made.build) == ("bin/memoryd",)
    running = from_runtime(bench.door, interpreted(bench, python), made.runtime)
    assert install_running(bench.door, bench.paths, running).action == "healed", "by the very runtime that it is of"
    assert b"a patch\n" in program.read_bytes()
    assert bench.shelf.damage(made.build) == ()


def test_an_interpreter_that_cannot_be_copied_is_run_itself(bench: Bench) -> None:
    python = bench.root / "shim" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {bench.program().interpreter.python} "$@"\n')
    python.chmod(0o755)
    made = install_running(bench.door, bench.paths, interpreted(bench, python))
    info = bench.shelf.info(made.build)
    assert info is not None and info.program == "bin/python"
    assert not (Path(made.runtime) / "bin" / "memoryd").exists()
    assert bench.shelf.damage(made.build, deep=True) == (), "and that is no damage"


def test_two_builds_are_two_executables(bench: Bench) -> None:
    made = [install_running(bench.door, bench.paths, bench.program(version)) for version in ("1.0", "1.1")]
    first, second = ((Path(one.runtime) / "bin" / "memoryd").read_bytes() for one in made)
    assert first != second
    assert made[0].build.encode() in first and made[1].build.encode() in second
