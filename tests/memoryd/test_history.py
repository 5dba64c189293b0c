"""Nothing that a note once said is lost: what the daemon keeps of it, told and put back by the command line."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from tests.support.daemon import Running
from tests.support.tended import World, agents, keys

NOTE = "01_Knowledge/Fox.md"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def seen(world: World, daemon: Running, path: str, text: str) -> None:
    """Write a note and wait until the daemon has kept that version."""
    world.put(path, text)
    daemon.until(lambda: text.encode() in world.kept())


def test_two_edits_and_a_delete_are_told_and_put_back(world: World) -> None:
    with world.daemon() as daemon:
        world.put("01_Knowledge/Other.md", "Another note.\n")
        texts = [f"Fox number {n}.\n" for n in range(3)]
        for text in texts:
            seen(world, daemon, NOTE, text)
        (world.vault / NOTE).unlink()
        daemon.until(lambda: world.events(NOTE)[:1] == ["deleted"])

        rows = world.command(daemon, "note", "history", NOTE, "--json").json()["versions"]
        kept = [row["id"] for row in rows if row["event"] == "seen"]
        assert [world.command(daemon, "note", "show", NOTE, one).out for one in kept] == texts[::-1]
        world.command(daemon, "note", "restore", NOTE)
        assert world.read(NOTE) == texts[2]
        daemon.until(lambda: daemon.titles("number") == ["Fox"])
        world.command(daemon, "note", "restore", NOTE, kept[2])
        assert world.read(NOTE) == texts[0]
        folder = world.state / "history"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files = [*folder.glob("blobs/*/*"), *folder.glob("log/*")]
        assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_a_note_that_is_renamed_keeps_its_history(world: World) -> None:
    with world.daemon() as daemon:
        world.put("01_Knowledge/Other.md", "Another note.\n")
        seen(world, daemon, NOTE, "The first words.\n")
        seen(world, daemon, NOTE, "The second words.\n")
        there = world.vault / "02_Decisions" / "Vixen.md"
        there.parent.mkdir()
        os.rename(world.vault / NOTE, there)
        daemon.until(lambda: daemon.titles("words") == ["Vixen"])
        daemon.until(lambda: "renamed" in world.events("02_Decisions/Vixen.md"))
        said = world.command(daemon, "note", "show", "02_Decisions/Vixen.md").out
        assert said == "The first words.\n"


def test_many_edits_at_once_by_one_author_are_a_finding_and_go_back_together(world: World) -> None:
    """More than twenty notes within a minute look like an accident: it is told in /health and `status`."""
    paths = [f"01_Knowledge/{n}.md" for n in range(25)]
    first = {path: agents("alpha", world.now() - 5000, f"The text of {path}.") for path in paths}
    for path, text in first.items():
        world.put(path, text)
    with world.daemon() as daemon:
        daemon.until(lambda: set(map(str.encode, first.values())) <= set(world.kept()))
        for path in paths:
            world.put(path, agents("beta", world.now(), "Ruined.", author="alpha"))
        world.looked(daemon)
        found = daemon.wait(lambda health: bool(health["findings"]))["findings"]
        assert len(found) == 1
        assert found[0].startswith("25 notes changed by beta within ")
        assert found[0] in world.command(daemon, "status", code=None).out

        command = found[0].partition("iapeer-memory ")[2].split()
        world.command(daemon, *command)
        assert {path: world.read(path) for path in paths} == first
        daemon.wait(lambda health: not health["findings"])
    with world.daemon() as daemon:
        assert daemon.health()["findings"] == [], "what was put back is no finding, and putting it back is none"


def test_many_notes_that_vanish_at_once_go_back_together(world: World) -> None:
    paths = [f"01_Knowledge/{n}.md" for n in range(25)]
    for path in paths:
        world.put(path, f"The text of {path}.\n")
    for n in range(150):
        world.put(f"05_Lists/{n}.md", f"List {n}.\n")
    with world.daemon() as daemon:
        daemon.until(lambda: len(world.kept()) == 175)
        world.turn(30.0)
        for path in paths:
            (world.vault / path).unlink()
        daemon.wait(lambda health: health["notes"] == 150)
        found = daemon.wait(lambda health: bool(health["findings"]))["findings"]
        assert "25 of them deleted" in found[0]
        world.command(daemon, *found[0].partition("iapeer-memory ")[2].split())
        assert {path: world.read(path) for path in paths} == {path: f"The text of {path}.\n" for path in paths}
        daemon.wait(lambda health: not health["findings"])


def test_a_finding_outlives_the_daemon_that_found_it(world: World) -> None:
    """Whoever looks after a restart, as after an update, is told still."""
    paths = [f"01_Knowledge/{n}.md" for n in range(25)]
    for path in paths:
        world.put(path, agents("alpha", world.now() - 5000, f"The text of {path}."))
    with world.daemon() as daemon:
        daemon.until(lambda: len(world.kept()) == 25)
        for path in paths:
            world.put(path, agents("beta", world.now(), "Ruined.", author="alpha"))
        world.looked(daemon)
        daemon.wait(lambda health: bool(health["findings"]))
        daemon.stop(9)
    with world.daemon() as daemon:
        found = daemon.health()["findings"]
        assert found[0].startswith("25 notes changed by beta within ")
        world.command(daemon, *found[0].partition("iapeer-memory ")[2].split())
        assert world.read(paths[7]).endswith(f"The text of {paths[7]}.\n")


def test_a_memoryd_that_ends_tells_of_what_it_has_just_seen(world: World) -> None:
    paths = [f"01_Knowledge/{n}.md" for n in range(25)]
    for path in paths:
        world.put(path, "Good.\n")
    with world.daemon(chores=3600.0) as daemon:
        daemon.until(lambda: len(world.kept()) == 1)
        world.turn(30.0)
        for path in paths:
            world.put(path, f"Ruined {path}.\n")
        daemon.until(lambda: len(world.kept()) == 26)
        assert daemon.stop() == 0
    with world.daemon() as daemon:
        assert daemon.health()["findings"][0].startswith("25 notes changed by somebody unknown within ")


def test_a_writer_that_races_the_stamp_loses_nothing(world: World) -> None:
    """Core 2.5 and 6.4: the daemon marks a note while somebody goes on appending to it, by the same path."""
    world.put(NOTE, agents("alpha", world.now() - 5, "The beginning."))
    lines = [f"line {n} of the log" for n in range(150)]

    def append() -> None:
        for line in lines:
            with (world.vault / NOTE).open("a") as file:
                file.write(f"{line}\n")
            pause.wait(0.01)

    pause = threading.Event()
    with world.daemon() as daemon:
        # The clock a little ahead: no append counts as being written only just now, so each is marked at once.
        world.turn(3.0)
        writing = threading.Thread(target=append)
        writing.start()
        daemon.until(lambda: keys(world.read(NOTE))["last_edited_by"] == "unstamped")
        writing.join()
        world.turn(20.0)

        def lost() -> set[str]:
            known = b"\n".join([*world.kept(), (world.vault / NOTE).read_bytes()]).decode().splitlines()
            return set(lines) - set(known)

        daemon.until(lambda: not lost())
    assert "stamped" in world.events(NOTE)


def test_what_the_note_tool_has_acknowledged_is_kept_at_once(world: World) -> None:
    """A writer that replaces the note before any pass comes upon it displaces nothing that is not in history."""
    caller = {"X-IAPeer-Identity": "alpha"}
    with world.daemon(debounce=60.0) as daemon:
        made = daemon.call({"title": "Fox", "text": "The first words."}, "memory_write", **caller)
        path = made["structuredContent"]["path"]
        asked = {"mode": "append", "path": path, "text": "The second words."}
        assert not daemon.call(asked, "memory_write", **caller).get("isError")
        assert (world.vault / path).read_bytes() in world.kept()
