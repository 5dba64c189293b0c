"""The one member of a peer's profile that we set, and the lock that the core holds while it writes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import Malformed, UnsafePath
from iapeer_memory.domain.paths import Paths
from iapeer_memory.ecosystem.profile import core_lock, make_profile_reader, profile_path, set_wake_policy
from iapeer_memory.egress.foreign import Policy
from iapeer_memory.egress.real import real_door

BEFORE = '{\r\n    "personality": "index",\r\n    "notifier": {"triggers": []},\r\n    "n": 1.50\r\n}'


class Ticking:
    """A clock on which waiting takes no time."""

    def __init__(self, start: float) -> None:
        self.time = start

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    (tmp_path / "index/.iapeer").mkdir(parents=True)
    return tmp_path / "index"


def put(peer: Path, text: str) -> Path:
    path = peer / ".iapeer/peer-profile.json"
    path.write_bytes(text.encode())
    path.chmod(0o600)
    return path


def policy(peer: Path) -> Policy:
    return Policy(inside=str(peer), uid=os.getuid())


def test_only_that_member_changes(peer: Path) -> None:
    path = put(peer, BEFORE)
    door = real_door()
    assert set_wake_policy(door, str(peer), policy=policy(peer)) == "written"
    text = path.read_bytes().decode()
    assert json.loads(text) == {**json.loads(BEFORE), "wake_policy": "ephemeral"}
    assert text.startswith(BEFORE.rstrip("\r\n}")), text
    assert "1.50" in text
    assert path.stat().st_mode & 0o777 == 0o600
    stamp = path.stat().st_mtime_ns
    assert set_wake_policy(door, str(peer), policy=policy(peer)) == "identical"
    assert path.stat().st_mtime_ns == stamp
    assert [entry.name for entry in path.parent.iterdir()] == ["peer-profile.json"]


def test_no_profile_is_made(peer: Path) -> None:
    assert set_wake_policy(real_door(), str(peer), policy=policy(peer)) == "missing-profile"
    assert list((peer / ".iapeer").iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1} // x'])
def test_a_profile_that_is_none_is_left(peer: Path, text: str) -> None:
    path = put(peer, text)
    with pytest.raises(Malformed):
        set_wake_policy(real_door(), str(peer), policy=policy(peer))
    assert path.read_text() == text


def test_a_profile_that_leads_elsewhere_is_left(peer: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (peer / ".iapeer/peer-profile.json").symlink_to(outside)
    with pytest.raises(UnsafePath):
        set_wake_policy(real_door(), str(peer), policy=policy(peer))
    assert outside.read_text() == "{}"


def ticking(door: Door, lock: Path, age: float) -> tuple[Door, Ticking]:
    clock = Ticking(lock.stat().st_mtime + age)
    return replace(door, clock=clock), clock


def test_a_lock_of_the_core_is_waited_for_and_then_passed(peer: Path) -> None:
    put(peer, "{}")
    lock = peer / ".iapeer/.peer-profile.lock"
    lock.mkdir()
    door, clock = ticking(real_door(), lock, 1)
    began = clock.time
    assert set_wake_policy(door, str(peer), policy=policy(peer)) == "written"
    assert 2 <= clock.time - began < 2.2
    assert lock.is_dir()


def test_a_stale_lock_is_broken(peer: Path) -> None:
    put(peer, "{}")
    lock = peer / ".iapeer/.peer-profile.lock"
    lock.mkdir()
    door, clock = ticking(real_door(), lock, 11)
    began = clock.time
    assert set_wake_policy(door, str(peer), policy=policy(peer)) == "written"
    assert clock.time == began
    assert not lock.exists()


def test_the_lock_is_given_back_when_things_go_wrong(peer: Path) -> None:
    path = profile_path(str(peer))
    lock = peer / ".iapeer/.peer-profile.lock"
    with pytest.raises(ValueError, match="x"), core_lock(real_door(), path) as held:
        assert held
        assert lock.is_dir()
        raise ValueError("x")
    assert not lock.exists()


def test_triggers_are_read_where_the_index_peer_lives(tmp_path: Path) -> None:
    paths = Paths.from_env({"HOME": str(tmp_path)}, os_home="/")
    read = make_profile_reader(real_door().files, paths)
    assert read() is None
    default = Path(paths.root) / "peers/index"
    (default / ".iapeer").mkdir(parents=True)
    put(default, '{"notifier": {"triggers": [{"role": "event", "id": "one"}]}}')
    assert [t.id for t in read() or ()] == ["one"]
    other = tmp_path / "elsewhere"
    (other / ".iapeer").mkdir(parents=True)
    put(other, '{"notifier": {"triggers": [{"role": "event", "id": "two"}]}}')
    Path(paths.state_dir).mkdir(parents=True)
    Path(paths.roles).write_text(json.dumps({"roles": [{"role": "index", "peerCwd": str(other)}]}))
    assert [t.id for t in read() or ()] == ["two"]
    Path(paths.roles).write_text("{")
    assert [t.id for t in read() or ()] == ["one"]
