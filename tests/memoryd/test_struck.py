"""A daemon that is struck down in the middle of its work: the next one ends with the index as the vault is."""

from __future__ import annotations

import fcntl
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import environment, launch, start, until
from tests.support.indexed import Place
from tests.support.models import models
from tests.support.tended import World

NOTES = 2_400
"""Several transactions of a pass."""


def rows(index: Path) -> int:
    """How many notes stand in the index by now, as a stranger sees it; 0 where there is none yet."""
    try:
        with closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM notes").fetchone()
            return int(count)
    except sqlite3.OperationalError:
        return 0


def test_a_daemon_that_is_killed_in_the_middle_of_its_first_pass(tmp_path: Path) -> None:
    place = Place(tmp_path / "home", tmp_path / "vault")
    place.home.mkdir()
    for number in range(NOTES):
        text = f"The badger number{number} digs. " * 20 + f"To [[Fact {(number + 1) % NOTES}]].\n"
        place.note(f"Fact {number}", text)
    place.age()
    with launch(environment(place.home, place.vault)) as daemon:
        until(lambda: rows(place.index) > 0, lambda: str(daemon.lines))
        assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert 0 < rows(place.index) < NOTES, "it was struck in the middle"
    with start(place.home, place.vault) as daemon:
        found = place.look(daemon.port, thorough=True)
        assert (found.status, found.detail) == ("ok", f"{NOTES} notes, as in the vault")
        assert daemon.titles(f"number{NOTES - 1}")[:1] == [f"Fact {NOTES - 1}"]
        told = daemon.call({"parts": ["orphan_wikilinks"]}, "memory_map")["structuredContent"]
        assert told["stats"]["edges"] == NOTES and told["orphan_wikilinks"] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_indexed_and_not_yet_kept_is_kept_by_the_next(tmp_path: Path, number: signal.Signals) -> None:
    """A first pass keeps versions in slices afterwards; an end in between must not cost those that wait."""
    world = World(tmp_path)
    texts = [f"List number {n}.\n" for n in range(300)]
    for n, text in enumerate(texts):
        world.put(f"05_Lists/{n}.md", text, age=5000)
    with world.daemon(ready=False) as daemon:
        until(lambda: rows(daemon.index) == len(texts), lambda: str(daemon.lines))
        daemon.stop(number)
    with world.daemon() as daemon:
        assert daemon.until(lambda: {text.encode() for text in texts} <= set(world.kept()))


def test_a_question_that_an_end_cuts_off_is_told_so(tmp_path: Path) -> None:
    """Its model server hangs for longer than an end has time."""
    world = World(tmp_path)
    world.put("01_Knowledge/Bread.md", "All about bread.\n")
    answers: list[tuple[int, Any]] = []
    with models(lambda _: None) as served:
        world.settings |= {"EMBEDDING_ENDPOINT": served.url, "EMBEDDING_DIMENSIONS": "2"}
        with world.daemon() as daemon:
            call = {"name": "memory_search", "arguments": {"query": "zeppelin"}}
            asking = threading.Thread(target=lambda: answers.append(daemon.rpc("tools/call", call)))
            asking.start()
            daemon.until(lambda: any("zeppelin" in str(request) for request in served.requests))
            assert daemon.stop() == 0
            asking.join()
            assert not [line for line in daemon.lines if "Exception" in line or "CancelledError" in line]
        served.gate.set()
    assert answers == [(503, {"error": "memoryd is ending; ask again in a moment"})]


def test_what_a_killed_one_was_writing_is_cleared_up_and_nothing_else(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("05_Lists/0.md", "x\n")
    with world.daemon() as daemon:
        state = daemon.state
        registry = world.home / ".local/share/running-process/manifests"
        assert registry.is_dir()
    folders = [state, state / "indexes", state / "context/by-path/home/alpha", daemon.index.parent, registry]
    halves = [folder / ".half.json.0123456789ab.iapeer-memory.tmp" for folder in folders]
    others = [folder / name for folder in folders for name in ("theirs.tmp", ".half.iapeer-memory.tmp")]
    for path in (*halves, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half of i")
    held = state / ".held.json.0123456789ab.iapeer-memory.tmp"
    with held.open("wb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        with world.daemon():
            assert [path for path in halves if path.exists()] == []
            assert all(path.exists() for path in (held, *others))
