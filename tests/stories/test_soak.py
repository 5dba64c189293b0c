"""Again and again: updates, repairs and daemons that die leave one memoryd and nothing else of ours behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.bed import Bed, tree, until


def ours(bed: Bed) -> list[str]:
    """Every process that has to do with this home, zombies and orphans included: `state command line`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        child_of_this_test = int(stat[1]) == os.getpid()
        if (
            str(bed.home) in words
            or f"HOME={bed.home}\0".encode() in environ
            or (stat[0] == "Z" and child_of_this_test)
        ):
            found.append(f"{stat[0]} {words.strip()}")
    return found


def part(process: str) -> str:
    """Which part of memory a process is; a zombie is none."""
    parts = ("memoryd", "searcher", "broker")
    return next((name for name in parts if f"iapeer_memory {name}" in process), process)


def lasting(bed: Bed) -> set[str]:
    """What lies in the state folder, without what memoryd brings to peers in its own time."""
    passing = ("runtimes/", "backups/", "context", "indexes", "attach.sock")
    return {path for path in tree(bed.state) if not path.startswith(passing)}


def soak(bed: Bed, rounds: int) -> list[str]:
    """A round: update, repair, the daemon killed the hard way. What is left after an uninstall at the end."""
    bed.init("alpha", "beta")
    until((bed.state / "memoryd.batches.json").exists, "memoryd has written what it remembers")
    whole = tree(bed.home / "work")
    files = lasting(bed)
    for turn in range(rounds):
        bed.ok("update")
        (pid,) = bed.daemons()
        os.kill(pid, signal.SIGKILL if turn % 2 else signal.SIGTERM)
        until(lambda: not bed.daemons(), "the daemon ends")
        bed.ok("verify", "--repair")
        assert len(bed.daemons()) == 1
    until(
        lambda: sorted(map(part, ours(bed))) == ["broker", "memoryd", "searcher"],
        f"memoryd, its child and who started it are left: {ours(bed)}",
    )
    assert tree(bed.home / "work") == whole
    left = lasting(bed) - files
    assert left <= {"verify-kick.stamp"}, left
    assert len(list((bed.state / "runtimes").iterdir())) <= 4
    bed.ok("uninstall")
    until(lambda: all(process.startswith("Z") for process in ours(bed)), "everything ends")
    return ours(bed)


def test_five_rounds_leave_one_memoryd(bed: Bed) -> None:
    assert soak(bed, 5) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_rounds_leave_one_memoryd(bed: Bed) -> None:
    assert soak(bed, 50) == []
