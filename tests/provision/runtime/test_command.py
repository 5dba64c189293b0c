"""The stable command: ours is written and mended, somebody else's is kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.provision.runtime.command import command_problem, place_command, remove_command
from iapeer_memory.provision.runtime.install import install_running
from tests.provision.runtime.conftest import Bench


@pytest.fixture
def command(bench: Bench) -> Path:
    """Where the command belongs; a runtime is installed."""
    install_running(bench.door, bench.paths, bench.program())
    return Path(bench.paths.stable_binary)


def say(command: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run([str(command), *words], env={}, cwd="/", capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


def test_it_runs_from_nothing(bench: Bench, command: Path) -> None:
    assert command_problem(bench.door.files, bench.paths) == f"{command} is missing"
    assert place_command(bench.door, bench.paths) == "written"
    assert command_problem(bench.door.files, bench.paths) is None
    assert say(command, "--version") == (0, "1.0\n", "")
    assert say(command, "a b", "*")[1].endswith(" a b *\n")
    stamp = command.stat().st_mtime_ns
    assert place_command(bench.door, bench.paths) == "already"
    assert command.stat().st_mtime_ns == stamp


def test_drift_and_a_lost_executable_bit_are_seen_and_mended(bench: Bench, command: Path) -> None:
    place_command(bench.door, bench.paths)
    command.chmod(0o644)
    assert command_problem(bench.door.files, bench.paths) == f"{command} is not executable"
    assert place_command(bench.door, bench.paths) == "written"
    with command.open("a") as out:
        out.write("echo more\n")
    assert "not as the installed version writes it" in str(command_problem(bench.door.files, bench.paths))
    assert place_command(bench.door, bench.paths) == "written"
    assert command_problem(bench.door.files, bench.paths) is None


def test_a_new_version_changes_what_it_says(bench: Bench, command: Path) -> None:
    place_command(bench.door, bench.paths)
    install_running(bench.door, bench.paths, bench.program("1.1"))
    assert command_problem(bench.door.files, bench.paths) is not None
    place_command(bench.door, bench.paths)
    assert say(command, "-V")[1] == "1.1\n"


def test_somebody_elses_program_is_left_alone_without_a_store(bench: Bench, command: Path) -> None:
    command.parent.mkdir(parents=True)
    command.write_bytes(b"\x7fELF an older release")
    with pytest.raises(InstallFailed, match="left alone") as caught:
        place_command(bench.door, bench.paths)
    assert str(caught.value.remedy).startswith("mv ")
    assert command.read_bytes() == b"\x7fELF an older release"
    assert remove_command(bench.door, bench.paths) == "foreign"


def test_somebody_elses_program_goes_to_the_store_first(bench: Bench, command: Path) -> None:
    command.parent.mkdir(parents=True)
    command.write_bytes(b"\x7fELF" + bytes(100_000))
    command.chmod(0o700)
    store = BackupStore(bench.door.files, bench.paths.backups, bench.door.clock)
    assert place_command(bench.door, bench.paths, store) == "replaced"
    (entry,) = store.list(str(command))
    assert (store.read(entry), entry.mode) == (b"\x7fELF" + bytes(100_000), 0o700)
    assert say(command, "--version")[0] == 0


def test_a_link_is_never_written_through(bench: Bench, command: Path) -> None:
    """Another installer keeps its command behind a link of this name."""
    elsewhere = bench.root / "tool" / "iapeer-memory"
    elsewhere.parent.mkdir()
    elsewhere.write_text("#!/bin/sh\n# iapeer-memory: not really\n")
    command.parent.mkdir(parents=True)
    command.symlink_to(elsewhere)
    store = BackupStore(bench.door.files, bench.paths.backups, bench.door.clock)
    with pytest.raises(InstallFailed, match="left alone"):
        place_command(bench.door, bench.paths, store)
    assert elsewhere.read_text() == "#!/bin/sh\n# iapeer-memory: not really\n"
    assert remove_command(bench.door, bench.paths) == "foreign"


def test_without_a_runtime_there_is_no_command(bench: Bench) -> None:
    with pytest.raises(InstallFailed, match="no runtime"):
        place_command(bench.door, bench.paths)


def test_removed_once_and_again(bench: Bench, command: Path) -> None:
    place_command(bench.door, bench.paths)
    assert remove_command(bench.door, bench.paths) == "removed"
    assert remove_command(bench.door, bench.paths) == "absent"


def test_when_the_interpreter_is_gone_it_says_so_in_one_line(bench: Bench, command: Path) -> None:
    place_command(bench.door, bench.paths)
    os.unlink(f"{bench.paths.current_runtime}/bin/python")
    code, out, err = say(command, "status")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "fix:" in err
    assert say(command, "hook", "session-start")[0] == 0
