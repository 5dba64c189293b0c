"""What memoryd has outside our folders: recorded before it is made, and taken away without harming anybody else's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.local_sockets import local_listener
from iapeer_memory.egress.overlay import overlay
from iapeer_memory.supervise import outside
from tests.support.backends import short_folder
from tests.support.confined import confined_door


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


@pytest.fixture
def door(folder: Path) -> Door:
    return confined_door(str(folder))


@pytest.fixture
def paths(folder: Path) -> Paths:
    return Paths.from_env({"HOME": str(folder)}, os_home=str(folder))


def made(folder: Path, name: str) -> str:
    """A file in a folder that daemons share."""
    path = folder / "run" / "running-process" / "services" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return str(path)


def dead_socket(folder: Path, name: str = "a.sock") -> str:
    path = folder / "run" / "running-process" / "broker-v2" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    local_listener(str(path)).close()
    return str(path)


def test_places_are_recorded_once_and_cleared(door: Door, paths: Paths, folder: Path) -> None:
    claim, socket = made(folder, f"{paths.service}.identity.json"), dead_socket(folder)
    outside.record(door.files, paths, [socket, claim])
    before = Path(paths.daemon_outside).stat().st_mtime_ns
    outside.record(door.files, paths, [claim])
    assert outside.recorded(door.files, paths) == (socket, claim)
    assert Path(paths.daemon_outside).stat().st_mtime_ns == before, "nothing new, nothing written"
    assert outside.clear(door, paths, keep=[claim]) == 1
    assert outside.recorded(door.files, paths) == (claim,)
    assert sorted(p.name for p in (folder / "run/running-process").iterdir()) == ["services"], "its lock and folder too"
    assert outside.clear(door, paths) == 1
    assert not (folder / "run" / "running-process").exists() and (folder / "run").exists()


def test_a_socket_on_which_somebody_listens_stays(door: Door, paths: Paths, folder: Path) -> None:
    path = folder / "run" / "a.sock"
    path.parent.mkdir()
    listener = local_listener(str(path))
    outside.record(door.files, paths, [str(path)])
    assert outside.clear(door, paths) == 0
    assert path.is_socket() and Path(f"{path}.lock").exists()
    listener.close()


def test_a_file_that_is_not_named_for_this_installation_stays(door: Door, paths: Paths, folder: Path) -> None:
    """Whatever the record says: a folder that was restored from a backup may name anything."""
    other, plain = made(folder, "other.identity.json"), folder / "note.md"
    plain.write_text("words")
    socketlike = folder / "words.sock"
    socketlike.write_text("no socket")
    outside.record(door.files, paths, [other, str(plain), str(socketlike)])
    assert outside.clear(door, paths) == 0
    assert (Path(other).exists(), plain.read_text(), socketlike.read_text()) == (True, "words", "no socket")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"relative/path\n", b"\xff\xfe\n", b"/gone/for/long\n"])
def test_a_record_that_says_nothing_of_use(door: Door, paths: Paths, data: bytes) -> None:
    Path(paths.state_dir).mkdir(parents=True)
    Path(paths.daemon_outside).write_bytes(data)
    assert outside.clear(door, paths) == 0
    assert outside.recorded(door.files, paths) == ()


def test_paths_that_are_no_text_come_back_as_they_were(door: Door, paths: Paths, folder: Path) -> None:
    claim = made(folder, os.fsdecode(b"\xff" + paths.service.encode() + b".json"))
    outside.record(door.files, paths, [claim])
    assert outside.recorded(door.files, paths) == (claim,)
    assert outside.clear(door, paths) == 1 and not Path(claim).exists()


def test_a_dry_run_touches_no_socket(door: Door, paths: Paths, folder: Path) -> None:
    socket = dead_socket(folder)
    outside.record(door.files, paths, [socket])
    planned, plan = overlay(door)
    assert outside.clear(planned, paths) == 1
    assert Path(socket).is_socket() and outside.recorded(door.files, paths) == (socket,)
    assert ("remove", socket) in [(effect.verb, effect.target) for effect in plan.effects]
