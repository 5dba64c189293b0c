"""Stale notes go to the archive by themselves, are found there, and come back: the real daemon, its clock turned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Running
from tests.support.tended import World, agents

GRACE = 600.0
OWN = "06_Agent_Memory/alpha/Plan.md"
THERE = f"07_Archive/{OWN}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def old(world: World, text: str, *, status: str = "outdated") -> str:
    """A note that was stamped long ago."""
    return agents("alpha", world.now() - 9000, text, status=status)


def settled(world: World, daemon: Running) -> None:
    """Come back when the archive had its turn: a stale note of long ago, written last, is in it."""
    name = f"Last {len(list(world.vault.glob('07_Archive/05_Lists/*')))}.md"
    world.put(f"05_Lists/{name}", old(world, "A list."), age=9000)
    daemon.until((world.vault / "07_Archive" / "05_Lists" / name).exists)


def later(world: World, daemon: Running, seconds: float) -> None:
    """Let the time go by, and the archive look."""
    world.turn(seconds)
    settled(world, daemon)


def found(daemon: Running, query: str) -> list[str]:
    return [row["path"] for row in daemon.search(query)["results"]]


def test_a_stale_note_stays_a_while_and_an_append_is_not_lost(world: World) -> None:
    """Incident 31: an append to the old path came right after the archiving, and made a second note."""
    with world.daemon() as daemon:
        world.put(OWN, old(world, "The first half of it."))
        settled(world, daemon)
        assert (world.vault / OWN).exists()

        world.turn(GRACE / 2)
        world.put(OWN, world.read(OWN) + "The second half.\n")
        later(world, daemon, GRACE + 30)
        assert (world.vault / OWN).exists(), "an edit begins the time anew"

        later(world, daemon, 2 * GRACE)
        daemon.until(lambda: not (world.vault / OWN).exists())
        text = world.read(THERE)
        assert "The first half" in text
        assert "The second half" in text
    assert world.events(THERE)[-1] != "deleted"


def test_a_note_that_becomes_current_again_stays(world: World) -> None:
    with world.daemon() as daemon:
        world.put(OWN, old(world, "A plan."))
        settled(world, daemon)
        world.put(OWN, old(world, "A plan.", status="current"))
        world.looked(daemon)
        later(world, daemon, 3 * GRACE)
        assert (world.vault / OWN).exists()


def test_what_was_stale_before_the_start_is_archived_with_its_owner_its_links_and_its_words(world: World) -> None:
    """Incidents 12, 21, 50 and 55: the timer of a note died with the daemon; an archived note lost its backlinks and
    its owner, and was boosted by the status that it was dragged along with."""
    world.put(OWN, old(world, "Harbour crane maintenance."), age=9000)
    world.put("01_Knowledge/Crane.md", old(world, "Harbour crane maintenance. See [[Plan]].", status="current"))
    world.put("07_Archive/01_Knowledge/Dragged.md", old(world, "Harbour crane maintenance.", status="current"))
    with world.daemon() as daemon:
        daemon.until(lambda: THERE in (told := found(daemon, "harbour crane")) and OWN not in told)
        rows: list[dict[str, Any]] = daemon.search("harbour crane maintenance")["results"]
        assert rows[0]["path"] == "01_Knowledge/Crane.md"
        assert {row["path"] for row in rows[1:]} == {THERE, "07_Archive/01_Knowledge/Dragged.md"}
        assert all(row["score"] < rows[0]["score"] for row in rows[1:])
        daemon.until(lambda: "01_Knowledge/Crane.md" in str(daemon.call({"path": THERE}, "memory_related")))


def test_an_archived_note_comes_back_and_stays_for_a_while(world: World) -> None:
    """The undo: back to its owner's folder, where it has as long as any note before it would go again."""
    world.put(OWN, old(world, "A plan."), age=9000)
    with world.daemon() as daemon:
        daemon.until((world.vault / THERE).exists)
        world.command(daemon, "note", "unarchive", THERE)
        assert (world.vault / OWN).exists()
        settled(world, daemon)
        assert (world.vault / OWN).exists(), "an undo that is undone at once is none"
        daemon.until(lambda: found(daemon, "plan") == [OWN])
    assert world.events(OWN)[0] in ("unarchived", "seen")


def test_names_that_are_taken_are_never_overwritten(world: World) -> None:
    world.put(f"07_Archive/{OWN}", "An older plan.\n")
    world.put("07_Archive/06_Agent_Memory/alpha/plan-2.md", "Another, of another letter case.\n")
    world.put(OWN, old(world, "The newest plan."), age=9000)
    with world.daemon() as daemon:
        third = world.vault / "07_Archive/06_Agent_Memory/alpha/Plan-3.md"
        daemon.until(third.exists)
        assert "The newest plan." in third.read_text()
    assert world.read(f"07_Archive/{OWN}") == "An older plan.\n"


def test_copies_in_conflict_and_what_came_in_bulk_are_never_archived(world: World) -> None:
    """A sync tool's copy is for a person to settle; thirty stale notes at once are a restore, not thirty decisions."""
    copy = world.put("01_Knowledge/Plan.sync-conflict-20260101-120000-ABC.md", old(world, "A copy."), age=9000)
    text = "<<<<<<< HEAD\nour words\n=======\ntheir words\n>>>>>>> other\n"
    marked = world.put("01_Knowledge/Merged.md", old(world, text), age=9000)
    with world.daemon() as daemon:
        settled(world, daemon)
        bulk = [world.put(f"01_Knowledge/Bulk {n}.md", old(world, f"Old {n}."), age=9000) for n in range(30)]
        daemon.wait(lambda health: health["notes"] >= 33)
        later(world, daemon, 2 * GRACE)
        assert copy.exists()
        assert marked.exists()
        assert [note.name for note in bulk if not note.exists()] == []
    with world.daemon() as daemon:
        later(world, daemon, 3 * GRACE)
        assert [note.name for note in bulk if not note.exists()] == [], "remembered over a restart"


def test_a_note_that_is_lost_in_the_archive_is_lost(world: World) -> None:
    """That memoryd has moved it there says nothing about what became of it later."""
    world.put(OWN, old(world, "A plan."), age=9000)
    world.put("01_Knowledge/Other.md", "Something else.\n")
    with world.daemon() as daemon:
        daemon.until(lambda: found(daemon, "plan") == [THERE])
        (world.vault / THERE).unlink()
        daemon.until(lambda: found(daemon, "plan") == [])
        daemon.until(lambda: world.events(THERE)[0] == "deleted")
        world.command(daemon, "note", "restore", THERE)
        assert "A plan." in world.read(THERE)
