"""Writes of a session whose memoryd is killed at random: each is done once, and none that was acknowledged is lost."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.bed import Bed, bed_in
from tests.support.between import Between
from tests.support.bridged import Session, bridged
from tests.support.daemon import environment, start

POINTS = [5, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
LOG = "01_Knowledge/Log.md"


@pytest.fixture
def bed(runtime: Path) -> Iterator[Bed]:
    with TemporaryDirectory(prefix="k") as short, bed_in(Path(short), runtime) as made:
        made.init("alpha")
        yield made


def timed(one: Session, number: int) -> tuple[str, float]:
    """Two writes: what came of them, and how long they took."""
    began = time.monotonic()
    told = []
    for arguments in (
        {"title": f"Note {number}", "text": f"text {number}.", "folder": "knowledge", "tags": ["birds"]},
        {"mode": "append", "path": LOG, "text": f"line {number}."},
    ):
        answer = one.ask("tools/call", name="memory_write", arguments=arguments)
        failed = "error" in answer or answer["result"].get("isError")
        told.append("failed" if failed else "done")
    return " ".join(told), time.monotonic() - began


@pytest.mark.parametrize("points", POINTS)
def test_writes_are_done_once_whenever_memoryd_dies(points: int, bed: Bed) -> None:
    dice = random.Random(points)
    told: dict[int, str] = {}
    with bridged(bed.env, bed.peer("alpha")) as one:
        one.call("memory_write", title="Log", text="begins.", folder="knowledge", tags=["birds"])
        usual = min(timed(one, -number)[1] for number in range(1, 4))
        for number in range(points):
            # Not the one that another kill has just stopped: there is one that listens.
            one.call("memory_search", query="log")
            (pid,) = bed.daemons()
            strike = threading.Timer(dice.uniform(0, 1.2 * usual), os.kill, (pid, signal.SIGKILL))
            strike.start()
            told[number], _ = timed(one, number)
            strike.join()
    log = (bed.vault / LOG).read_text()
    for number, said in told.items():
        made = list(bed.vault.rglob(f"Note {number}.md"))
        assert len(made) <= 1 and log.count(f"line {number}.") <= 1
        created, appended = said.split()
        if created == "done":
            assert made[0].read_text().count(f"text {number}.") == 1
        if appended == "done":
            assert f"line {number}." in log
    # A lost answer is asked for again: nobody hears of a memoryd that has died.
    assert Counter(told.values()) == {"done done": points}


def test_an_answer_that_is_lost_while_memoryd_lives() -> None:
    """Twice for each write: the connection breaks, the session attaches anew, the write is done once all the same."""
    with TemporaryDirectory(prefix="l") as short:
        home, vault, state = Path(short) / "h", Path(short) / "v", Path(short) / "s"
        for folder in (vault, state):
            folder.mkdir()
        with start(home, vault) as daemon:
            between = Between(f"{state}/attach.sock", f"{daemon.state}/attach.sock")
            env = {**environment(home, None), "IAPEER_MEMORY_STATE_DIR": str(state)}
            with bridged(env, home) as one:
                one.call("memory_write", title="Log", text="begins.", folder="knowledge", tags=["birds"])
                for number in range(3):
                    between.keeps = 2
                    assert timed(one, number)[0] == "done done"
            between.close()
        log = (vault / LOG).read_text()
        assert [log.count(f"line {number}.") for number in range(3)] == [1, 1, 1]
        assert [(vault / f"01_Knowledge/Note {number}.md").read_text().count("text") for number in range(3)] == [1] * 3
        assert len(between.requests) == len(set(between.requests)) + 3 * 2
