"""Read-only, recording and faulty doors; which door a process gets."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door, Files
from iapeer_memory.egress.faulty import Fault, faulty, parse_fault
from iapeer_memory.egress.readonly import ReadOnlyViolation, read_only
from iapeer_memory.egress.recording import recording

REPO = Path(__file__).resolve().parents[2]
WRITES: list[Callable[[Files, str], object]] = [
    lambda files, path: files.write(path, b""),
    lambda files, path: files.create(path, b""),
    lambda files, path: files.append(path, b""),
    lambda files, path: files.mkdir(path),
    lambda files, path: files.remove(path),
    lambda files, path: files.rmdir(path),
    lambda files, path: files.remove_tree(path),
    lambda files, path: files.rename(path, path + "2"),
    lambda files, path: files.symlink("x", path),
    lambda files, path: files.chmod(path, 0o600),
    lambda files, path: files.touch(path),
    lambda files, path: files.sync(path),
]


def test_a_read_only_door_cannot_write(door: Door, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    reading = read_only(door)
    for write in WRITES:
        with pytest.raises(ReadOnlyViolation):
            write(reading.files, f"{tmp_path}/f")
    with pytest.raises(ReadOnlyViolation):
        reading.locks.hold(f"{tmp_path}/l", wait=0, what="x")
    assert reading.processes.start_detached(["touch", f"{tmp_path}/m"], env={}, log=f"{tmp_path}/l").refused
    assert reading.processes.replace(["true"], env={}).refused
    assert reading.net.fetch("http://127.0.0.1:1/", method="POST", timeout=1).refused
    child = subprocess.Popen(["sleep", "60"])
    assert reading.processes.signal(child.pid, signal.SIGKILL) is False
    assert reading.processes.signal(child.pid, 0) is True
    child.kill()
    child.wait()
    assert reading.files.read(f"{tmp_path}/f") == b"x"
    assert reading.processes.run(["echo", "hi"], timeout=5).stdout == "hi\n"
    assert reading.locks.holder(f"{tmp_path}/l") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_home", "f"]


def test_every_verb_of_the_port_is_read_or_written_here() -> None:
    """A verb added to the port must be thought of in the read-only door."""
    reads = {"read", "read_optional", "stat", "lstat", "realpath", "readlink", "list"}
    verbs = {name for name in vars(Files) if not name.startswith("_")}
    assert len(verbs - reads) == len(WRITES)


def test_a_recording_holds_what_changed_and_nothing_else(door: Door, tmp_path: Path) -> None:
    watched, effects = recording(door)
    files = watched.files
    files.mkdir(f"{tmp_path}/d")
    files.mkdir(f"{tmp_path}/d")
    files.write(f"{tmp_path}/d/f", b"1")
    files.write(f"{tmp_path}/d/f", b"2", mode=0o600)
    files.create(f"{tmp_path}/d/f", b"3")
    files.chmod(f"{tmp_path}/d/f", 0o600)
    files.remove(f"{tmp_path}/d/no")
    files.read(f"{tmp_path}/d/f")
    files.sync(f"{tmp_path}/d")
    with pytest.raises(OSError):
        files.rename(f"{tmp_path}/no", f"{tmp_path}/yes")
    watched.processes.run(["true"], timeout=5)
    watched.processes.signal(os.getpid(), 0)
    assert [(effect.verb, effect.detail) for effect in effects] == [
        ("mkdir", "mode 0755"), ("write", "new"), ("write", "changed, mode 0600"), ("run", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fault"),
    [("die:1", Fault("die", 1)), ("die-after:20", Fault("die-after", 20)), ("error:3", Fault("error", 3)), ("", None),
     ("die:0", None), ("die", None), ("live:1", None), ("die:1 ", None)],
)  # fmt: skip
def test_the_fault_variable(text: str, fault: Fault | None) -> None:
    assert parse_fault(text) == fault


def test_the_nth_effect_fails_and_only_that(door: Door, tmp_path: Path) -> None:
    failing = faulty(door, 2, "error")
    failing.files.write(f"{tmp_path}/1", b"")
    with pytest.raises(OSError) as caught:
        failing.files.write(f"{tmp_path}/2", b"")
    assert caught.value.errno == errno.ENOSPC
    failing.files.write(f"{tmp_path}/3", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3", "_home"]


STORY = """
import os, sys
from iapeer_memory.egress.compose import OwnProgram, open_door
door = open_door(os.environ, own=OwnProgram(sys.executable, sys.argv[2]))
for name in ("1", "2", "3"):
    door.files.write(sys.argv[1] + "/" + name, b"x")
print(door.processes.run([sys.argv[2]], timeout=5).stdout, flush=True)
door.processes.replace([sys.argv[2]], env=os.environ)
"""


@pytest.mark.parametrize(
    ("fault", "left", "code", "said"),
    [
        ("die:2", ["1"], 137, []),
        ("die-after:2", ["1", "2"], 137, []),
        ("die:4", ["1", "2", "3"], 137, []),
        ("die:5", ["1", "2", "3"], 137, ["fault="]),
        ("die:9", ["1", "2", "3"], 0, ["fault=", "fault=die:4"]),
        ("", ["1", "2", "3"], 0, ["fault=", "fault="]),
    ],
)
def test_a_process_dies_at_the_effect_it_was_told(
    tmp_path: Path, fault: str, left: list[str], code: int, said: list[str]
) -> None:
    """Children do not inherit the fault; the program that takes over does, with the rest of the count."""
    command = tmp_path / "_home/own"
    command.write_text('#!/bin/sh\necho "fault=$IAPEER_MEMORY_FAULT"\n')
    command.chmod(0o755)
    (tmp_path / "out").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", STORY, str(tmp_path / "out"), str(command)],
        cwd=REPO, env={**os.environ, "IAPEER_MEMORY_FAULT": fault}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.split()) == (code, said), ran.stderr
    assert sorted(os.listdir(tmp_path / "out")) == left


def test_a_fault_is_not_honoured_outside_the_sandbox(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("IAPEER_")}
    code = STORY.rsplit("print", 1)[0]
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "/x"], cwd=REPO, env={**env, "IAPEER_MEMORY_FAULT": "die:1"}
    )
    assert ran.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3", "_home"]
