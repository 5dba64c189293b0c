"""Who edited a note is told from the note itself: by the real daemon, over a real vault.

Each test names the incident of the reference core that it keeps from coming back.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from iapeer_memory.vault.smart import smart_hash
from tests.support.daemon import Running
from tests.support.tended import World, agents, keys

SILENT = "01_Knowledge/Silent.md"
CONTROL = "01_Knowledge/Control.md"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A host whose notes can ask for a curator."""
    made = World(tmp_path)
    made.with_core()
    made.put(CONTROL, agents("alpha", made.now(), "Control."))
    return made


def edit(world: World, path: str, old: str, new: str) -> None:
    """An edit around every hook."""
    text = world.read(path)
    assert old in text
    world.put(path, text.replace(old, new))


def judged(world: World, daemon: Running) -> None:
    """Come back when everything that was written before has been judged: a control, edited last, is marked."""
    world.put(CONTROL, agents("alpha", world.now(), f"Control {time.monotonic_ns()}."))
    world.looked(daemon)
    edit(world, CONTROL, "Control", "A control")
    daemon.until(lambda: "unstamped" in world.read(CONTROL))


def test_a_second_write_of_one_second_is_no_edit_around_the_hook(world: World) -> None:
    world.put(SILENT, agents("alpha", world.now() - 52, "One fox."))
    with world.daemon() as daemon:

        def written(text: str) -> None:
            given = {"mode": "append", "path": SILENT, "text": text}
            told = daemon.call(given, "memory_write", **{"X-IAPeer-Identity": "alpha"})
            assert not told.get("isError"), told
            smart = smart_hash((world.vault / SILENT).read_bytes())
            daemon.until(lambda: world.batches().get("silentStamps", {}).get(SILENT, {}).get("hash") == smart)

        world.turn(-time.time() % 1)  # a second begins by the daemon's clock
        for text in ("Two foxes.", "Three foxes."):
            written(text)
        assert keys(world.read(SILENT))["last_edited_by"] == "alpha"


def test_an_edit_around_the_hook_is_marked_once_and_only_where_the_stamp_is_fresh(world: World) -> None:
    """Incidents 34 to 36 and 41: an edit 52 s after a stamp was swallowed; a re-stamp moved what it was judged by."""
    stale, touched, honest = (f"06_Agent_Memory/alpha/{name}.md" for name in ("Stale", "Touched", "Honest"))
    world.put(SILENT, agents("alpha", world.now() - 52, "One fox."))
    world.put(stale, agents("alpha", world.now() - 300, "One bear."))
    world.put(touched, agents("alpha", world.now() - 52, "One wolf."))
    world.put(honest, agents("alpha", world.now() - 52, "One elk."))
    with world.daemon() as daemon:
        before = world.read(SILENT)
        edit(world, SILENT, "One", "Two")
        edit(world, stale, "One", "Two")
        os.utime(world.vault / touched)
        world.put(honest, agents("beta", world.now(), "Two elks.", author="alpha"))
        left = {path: world.read(path) for path in (stale, touched, honest)}

        daemon.until(lambda: keys(world.read(SILENT))["last_edited_by"] == "unstamped")
        after = world.read(SILENT)
        assert keys(after)["needs_review"] == "true"
        assert keys(after)["updated"] > keys(before)["updated"]
        same = [line for line in after.splitlines() if line not in before.replace("One", "Two").splitlines()]
        assert [line.partition(":")[0] for line in same] == ["last_edited_by", "updated", "needs_review"]
        assert [line.partition(":")[0] for line in after.splitlines()] == [
            line.partition(":")[0] for line in before.replace("One", "Two").splitlines()
        ]

        judged(world, daemon)
        assert world.read(SILENT) == after
        assert {path: world.read(path) for path in left} == left
    assert world.events(SILENT).count("stamped") == 1


def test_without_a_core_nobody_is_asked_for_a_review(tmp_path: Path) -> None:
    """Nobody would ever answer: the mark says who did not sign, and raises no flag."""
    world = World(tmp_path)
    world.put(SILENT, agents("alpha", world.now(), "One fox."))
    with world.daemon() as daemon:
        edit(world, SILENT, "One", "Two")
        daemon.until(lambda: "unstamped" in world.read(SILENT))
        assert keys(world.read(SILENT))["needs_review"] == "false"


def test_the_first_start_judges_nothing_however_it_ends(world: World) -> None:
    """Incident 37: what was never seen is only remembered, also when the first run ended before its first pass."""
    world.settings["HUMAN_NAME"] = "Dana"
    bare = world.put("01_Knowledge/Bare.md", "Nobody has signed this.\n")
    with world.daemon(ready=False) as daemon:
        daemon.stop()
    with world.daemon() as daemon:
        judged(world, daemon)
        assert bare.read_text() == "Nobody has signed this.\n"


def test_what_the_human_writes_is_signed_once_and_stays_the_humans(world: World) -> None:
    """Incidents 37 to 39: settled notes are left alone, a bare one is filled, its echo is none, a cleared box stays."""
    world.settings["HUMAN_NAME"] = "Dana"
    settled = agents("alpha", world.now() - 9000, "A settled note.", review="true")
    world.put("01_Knowledge/Settled.md", settled, age=4000)
    bare = "01_Knowledge/Bare.md"
    with world.daemon() as daemon:
        world.put("01_Knowledge/Copied in.md", settled)
        world.put(bare, "A fox, typed by hand.\n")
        daemon.until(lambda: world.read(bare).startswith("---\n"))
        filled = keys(world.read(bare))
        assert (filled["author"], filled["last_edited_by"], filled["needs_review"]) == ("Dana", "Dana", "true")
        assert filled["type"] == "knowledge"

        world.looked(daemon)
        edit(world, bare, "typed", "typed on")
        edit(world, "01_Knowledge/Settled.md", "needs_review: true", "needs_review: false")
        echo = world.read(bare)
        judged(world, daemon)
        assert world.read(bare) == echo
        assert keys(world.read("01_Knowledge/Settled.md"))["needs_review"] == "false"
        assert world.read("01_Knowledge/Copied in.md") == settled

        world.turn(105.0)
        edit(world, bare, "typed on", "typed much later")
        daemon.until(lambda: keys(world.read(bare))["updated"] > filled["updated"])
        assert "typed much later" in world.read(bare)
        edit(world, "01_Knowledge/Settled.md", "A settled", "A changed")
        daemon.until(lambda: keys(world.read("01_Knowledge/Settled.md"))["last_edited_by"] == "Dana")
        changed = world.read("01_Knowledge/Settled.md")
        assert keys(changed)["author"] == "alpha"
        assert "coauthors:\n  - Dana\n" in changed


def test_what_agents_wrote_while_the_daemon_was_down_is_not_given_to_the_human(world: World) -> None:
    """Incident 40: an event that comes hours late is judged by when the file was written."""
    world.settings["HUMAN_NAME"] = "Dana"
    path = "01_Knowledge/Log.md"
    world.put(path, agents("alpha", world.now() - 9000, "One entry."), age=9000)
    with world.daemon():
        pass
    then = time.time() - 7200
    text = agents("beta", then, "One entry. Another.", author="alpha")
    world.put(path, text, age=7200)
    with world.daemon() as daemon:
        judged(world, daemon)
        assert world.read(path) == text


def test_the_index_curator_ends_a_review_by_what_it_writes(world: World) -> None:
    """Incident 43: only an edit of the text does; a touch of service keys, and another curator, do not."""
    names = {name: f"01_Knowledge/{name}.md" for name in ("Finished", "Touched", "Scribed")}
    for path in names.values():
        world.put(path, agents("alpha", world.now() - 3000, "A draft.", review="true"), age=3000)
    with world.daemon() as daemon:
        touched = agents("index", world.now(), "A draft.", review="true", author="alpha")
        scribed = agents("scriber", world.now(), "A fair copy.", review="true", author="alpha")
        finished = agents("index", world.now(), "A finished text.", review="true", author="alpha")
        world.put(names["Touched"], touched)
        world.put(names["Scribed"], scribed)
        world.put(names["Finished"], finished)
        daemon.until(lambda: world.read(names["Finished"]) == finished.replace("review: true", "review: false"))
        judged(world, daemon)
        assert world.read(names["Touched"]) == touched
        assert world.read(names["Scribed"]) == scribed


def test_notes_that_come_with_a_folder_are_judged_like_any(world: World) -> None:
    """Core 2.4: directory renames were not seen. What lies in a folder that is moved in has no event of its own."""
    world.settings["HUMAN_NAME"] = "Dana"
    outside = world.root / "project"
    outside.mkdir()
    (outside / "Bare.md").write_text("Typed elsewhere, moved in.\n")
    with world.daemon() as daemon:
        world.put("03_Projects/Other/x.md", agents("alpha", world.now() - 900, "x"))
        world.looked(daemon)
        outside.rename(world.vault / "03_Projects" / "Harbour")
        daemon.until(lambda: world.read("03_Projects/Harbour/Bare.md").startswith("---\n"))
        assert keys(world.read("03_Projects/Harbour/Bare.md"))["author"] == "Dana"
