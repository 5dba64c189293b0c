"""A renaming that dies or fails anywhere: the same command finishes it, and no note is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from iapeer_memory.egress.notefile import VaultRoot
from iapeer_memory.egress.real import real_door
from iapeer_memory.notes.history import History
from iapeer_memory.notes.late import STALE, sweep_all
from iapeer_memory.notes.write import NoteWriter
from tests.support.bed import Bed
from tests.support.renamed import converged, files, judged, lived_in, ready

REPO = Path(__file__).resolve().parents[2]
FAULT = "IAPEER_MEMORY_FAULT"
KILLED = 137
CHILD = """
import os, signal, sys
from iapeer_memory.cli.app import run
from iapeer_memory.egress.notefile import VaultRoot
from iapeer_memory.provision import rename
step, left = sys.argv[1], int(sys.argv[2])
def strike(now):
    global left
    left -= now == step
    if now == step and left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
rename.open_vault = lambda door, path: VaultRoot(path, step=strike)
run(["peer", "rename", "alpha", "gamma"])
"""


def struck(bed: Bed, how: str, place: int) -> bool:
    """The renaming with a fault at that effect; whether it came through all the same."""
    ran = bed.run("peer", "rename", "alpha", "gamma", env={FAULT: f"{how}:{place}"})
    return ran.code == 0 if how == "error" else ran.code != KILLED


def killed(bed: Bed, step: str, place: int) -> bool:
    """The renaming, killed when the writer of notes comes to that step for that time."""
    words = [sys.executable, "-c", CHILD, step, str(place)]
    ran = subprocess.run(words, env=bed.env, cwd=REPO, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode != -signal.SIGKILL


def finish(bed: Bed, before: dict[str, bytes]) -> None:
    """The same command, then the temps of dead writers swept, then all is as it should be."""
    bed.ok("peer", "rename", "alpha", "gamma")
    door = real_door()
    root = VaultRoot(str(bed.vault))
    try:
        history = History(door.files, str(bed.state / "history"), door.clock.now)
        sweep_all(root, door.files, history, NoteWriter(root, history), now=time.time() + STALE + 1)
    finally:
        root.close()
    converged(bed, before)


def strike(bed: Bed, places: Iterable[tuple[str, int]]) -> bool:
    """Struck at each place, finished, and named back; True as soon as one did not strike."""
    lived_in(bed)
    before = files(bed.vault)
    for how, place in places:
        act = struck if how in ("die", "die-after", "error") else killed
        if act(bed, how, place):
            converged(bed, before)
            return True
        kept = [name for name in files(bed.vault) if "/.fm-" not in name]
        assert len(kept) == len(before), (how, place)
        if how == "die-after":
            # What a session's start does meanwhile: the daemon runs again, on what is there.
            bed.run("verify", "--repair")
            judged(bed)
        finish(bed, before)
        bed.ok("peer", "rename", "gamma", "alpha")
        assert files(bed.vault) == before, (how, place)
        ready(bed)
    return False


def test_a_renaming_that_is_struck(bed: Bed) -> None:
    assert not strike(bed, (("die-after", 24), ("error", 33), ("exchanged", 7), ("die-after", 60)))


HOW = ("die", "die-after", "error", "moved", "temp written", "looked", "exchanged", "spooled")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", HOW)
def test_a_renaming_may_be_struck_anywhere(bed: Bed, how: str) -> None:
    assert strike(bed, ((how, place) for place in range(1, 1000)))
