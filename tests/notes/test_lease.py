"""Who stamps a synced vault: one host at a time, whatever the clocks say."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.door import Door
from iapeer_memory.notes.lease import LEASE_NAME, MARGIN, RENEW, TTL, Lease, decide, looks_synced, may_stamp, read_lease
from iapeer_memory.notes.leasing import Leasing

NOW = 1_800_000_000.0
THEIRS = "other"


def lease(left: float, host: str = "us") -> Lease:
    return Lease(host, "name", NOW + left if left else 0.0)


@pytest.mark.parametrize(
    ("found", "unchanged_for", "answer"),
    [
        (None, 0, "take"),
        (lease(TTL), 0, "hold"),
        (lease(TTL - RENEW - 1), 0, "take"),
        (lease(-5), 0, "take"),
        (lease(10 * TTL), 0, "take"),
        (lease(TTL, THEIRS), 0, "wait"),
        (lease(TTL, THEIRS), TTL, "wait"),
        (lease(TTL, THEIRS), TTL + MARGIN + 1, "take"),
        (lease(-MARGIN - 1, THEIRS), 0, "wait"),
        (lease(-MARGIN - 1, THEIRS), RENEW + MARGIN + 1, "take"),
        (lease(-10 * TTL, THEIRS), RENEW, "wait"),
        (lease(0, THEIRS), 0, "take"),
    ],
)
def test_the_daemon_decides(found: Lease | None, unchanged_for: float, answer: str) -> None:
    assert decide(found, host="us", now=NOW, unchanged_for=unchanged_for) == answer


@pytest.mark.parametrize(
    ("found", "may"),
    [(None, True), (lease(-9 * TTL), True), (lease(TTL, THEIRS), False), (lease(-1, THEIRS), False),
     (lease(-2 * TTL, THEIRS), True), (lease(0, THEIRS), True)],
)  # fmt: skip
def test_a_hook_decides(found: Lease | None, may: bool) -> None:
    assert may_stamp(found, host="us", now=NOW) is may


@given(st.text(), st.text(), st.integers(0, 10**11))
def test_a_lease_comes_back(host: str, name: str, until: int) -> None:
    back = read_lease(Lease(host, name, until).text())
    if " ".join(host.split()):
        assert back is not None and back.until == until and back.host == " ".join(host.split())
    else:
        assert back is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff" * 100, b"host=x", b"host=x\nuntil=soon", b"host=\nuntil=5", b"x" * 10_000, b"host=x\nuntil=-5"],
)
def test_what_is_no_lease(data: bytes) -> None:
    assert read_lease(data) is None


@pytest.mark.parametrize(
    ("vault", "names", "found", "synced"),
    [
        ("/v", ("01_Knowledge", ".obsidian"), None, False), ("/v", (".git",), None, True),
        ("/v", (".stfolder",), None, True), ("/v", (), lease(5, THEIRS), True), ("/v", (), lease(5), False),
        ("/Users/a/Library/Mobile Documents/iCloud~md~obsidian/Documents/v", (), None, True),
        ("/home/a/Dropbox", (), None, True),
    ],
)  # fmt: skip
def test_which_vaults_are_synced(vault: str, names: tuple[str, ...], found: Lease | None, synced: bool) -> None:
    assert looks_synced(vault, names, host="us", lease=found) is synced


@dataclass
class Clock:
    """A clock that stands until it is set."""

    time: float = NOW
    ran: float = 1.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.ran

    def sleep(self, seconds: float) -> None:
        self.go(seconds)

    def go(self, seconds: float) -> None:
        self.time += seconds
        self.ran += seconds


def host(door: Door, vault: Path, name: str, clock: Clock) -> Leasing:
    return Leasing(replace(door, clock=clock), str(vault), "99_System", host=name, name=name.upper())


def test_two_hosts(door: Door, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    (vault / "99_System").mkdir(parents=True)
    alone = host(door, vault, "a", Clock())
    assert alone.stamps() and not (vault / "99_System" / LEASE_NAME).exists()
    (vault / ".stfolder").mkdir()
    ours, theirs = Clock(), Clock(NOW - 5000)
    a, b = host(door, vault, "a", ours), host(door, vault, "b", theirs)
    assert a.stamps() and not b.stamps() and b.holder() == "A" and a.holder() is None
    for _ in range(20):
        ours.go(RENEW)
        theirs.go(RENEW)
        assert a.stamps() and not b.stamps()
    theirs.go(TTL + MARGIN + 1)
    assert b.stamps()
    assert not a.stamps() and a.holder() == "B"
    b.give_up()
    assert a.stamps()
    a.give_up()
    (vault / "99_System/memoryd.sync-conflict-20260101-000000-ABCDEFG.lease").write_bytes(lease(TTL, THEIRS).text())
    assert b.stamps()


def test_a_lease_that_cannot_be_had(door: Door, tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    (vault / "99_System" / LEASE_NAME).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(vault)], check=True)
    leasing = host(door, vault, "a", Clock())
    assert leasing.stamps() is False and leasing.holder() is None
    leasing.give_up()
