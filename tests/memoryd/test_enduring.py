"""What the daemon's memory of notes outlives: a vault that goes, a clock that is set, kills, a watch that is off."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.support.daemon import environment, launch, start
from tests.support.tended import World, agents, keys

NOTE = "01_Knowledge/Fox.md"
BLIND = ("unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"', "sh")
"""In a world where the kernel has no watch left."""


def can_be_blind() -> bool:
    """Whether this system lets us make such a world."""
    done = subprocess.run([*BLIND, "cat", "/proc/sys/user/max_inotify_instances"], capture_output=True, check=False)
    return done.stdout.strip() == b"0"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {"HUMAN_NAME": "Dana"})
    made.put(NOTE, agents("alpha", made.now() - 10, "One fox."))
    made.put("01_Knowledge/Other.md", agents("alpha", made.now() - 5000, "Another note."), age=5000)
    return made


def test_a_vault_that_comes_back_is_judged_as_if_it_had_never_been_away(world: World) -> None:
    """Incidents 4 and 25: an unmount lost edits, and what had gone away counted as deleted."""
    away = world.root / "away"
    with world.daemon() as daemon:
        os.rename(world.vault, away)
        daemon.wait(lambda health: health["away"] is True)
        (away / "01_Knowledge" / "Bare.md").write_text("Typed while it was away.\n")
        then = time.time() - 30
        os.utime(away / "01_Knowledge" / "Bare.md", (then, then))
        assert daemon.titles("fox") == ["Fox"]
        os.rename(away, world.vault)
        daemon.wait(lambda health: health["away"] is False and health["watch"] is True)
        daemon.until(lambda: world.read("01_Knowledge/Bare.md").startswith("---"))
        assert world.read(NOTE) == agents("alpha", 0, "One fox.").replace(
            keys(agents("alpha", 0, ""))["updated"], keys(world.read(NOTE))["updated"]
        )
        world.put(NOTE, world.read(NOTE).replace("One", "Two"))
        daemon.until(lambda: keys(world.read(NOTE))["last_edited_by"] == "unstamped")
        assert daemon.health()["findings"] == []
        assert "deleted" not in world.events(NOTE)


@pytest.mark.parametrize("jump", [-86_400.0, pytest.param(86_400.0, marks=pytest.mark.slow)])
def test_a_clock_that_is_set_stops_nothing(world: World, jump: float) -> None:
    """Neither a tick nor a pass waits for a time that will not come."""
    world.with_core()
    world.settings["CURATOR_TICK_SECS"] = "2"
    queued = world.put("01_Knowledge/Queued.md", agents("alpha", world.now() - 5000, "x", review="true"), age=5000)
    events = world.root / "events"
    with world.daemon(events=events) as daemon:
        daemon.until(lambda: events.read_text().count("\n") >= 1)
        world.turn(jump, 0.0)
        before = events.read_text().count("\n")
        daemon.until(lambda: events.read_text().count("\n") >= before + 1)
        world.put("01_Knowledge/Late.md", agents("alpha", world.now() - 500, "A late note."))
        daemon.until(lambda: daemon.titles("late") == ["Late"])
        assert queued.exists()


def test_what_was_seen_is_kept_within_the_time_that_a_stop_has(world: World) -> None:
    """Incident 26: what came in the last moment before the end is there after the next start."""
    with world.daemon(chores=3600.0, debounce=0.5) as daemon:
        world.put("01_Knowledge/Late.md", agents("alpha", world.now(), "A late note."))
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 3.0 * 3, "3 s, thrice over for a machine that is busy"
    assert world.batches()["silentStamps"].keys() >= {NOTE, "01_Knowledge/Other.md"}
    with world.daemon() as daemon:
        assert daemon.titles("late") == ["Late"]
        daemon.until(lambda: b"A late note." in b"".join(world.kept()))


def test_after_a_kill_everything_comes_to_what_the_vault_says(world: World) -> None:
    with world.daemon() as daemon:
        for n in range(40):
            world.put(f"05_Lists/{n}.md", f"List number {n}.\n")
        daemon.stop(signal.SIGKILL)
    (world.vault / "01_Knowledge" / "Other.md").unlink()
    world.put("05_Lists/7.md", "A changed list.\n")
    with world.daemon() as daemon:
        daemon.wait(lambda health: health["notes"] == 41)
        assert daemon.titles("changed") == ["7"]
        assert daemon.titles("another") == []


def test_a_second_one_is_refused_and_disturbs_nothing(world: World) -> None:
    with world.daemon() as daemon:
        with launch(environment(world.home, world.vault, **world.settings)) as second:
            second.said("another memoryd")
            assert second.process.wait(30) == 1
        world.put(NOTE, world.read(NOTE).replace("One", "Two"))
        daemon.until(lambda: keys(world.read(NOTE))["last_edited_by"] == "unstamped")


def test_the_numbers_are_a_page_that_monitoring_reads(world: World) -> None:
    with world.daemon() as daemon:
        daemon.search("fox")
        status, headers, page = daemon.request("GET", "/metrics")
        assert (status, headers["content-type"].partition(";")[0]) == (200, "text/plain")
        assert page.endswith("\n")
        known: dict[str, float] = {}
        for line in page.splitlines():
            if line.startswith("# "):
                assert re.match(r"# (HELP|TYPE) iapeer_memory_\w+ .+\Z", line), line
                continue
            found = re.match(r'(iapeer_memory_\w+)(\{\w+="\w+"(?:,\w+="\w+")*\})? (-?[0-9.e+-]+)\Z', line)
            assert found, line
            known[found[1]] = float(found[3])
        assert known["iapeer_memory_notes"] == 2
        assert known["iapeer_memory_searches_total"] == 1
        assert known["iapeer_memory_index_bytes"] > 0


def test_a_storm_of_writes_does_not_put_off_what_it_is_about(world: World) -> None:
    """Incident 24: a debounce without a cap never came to its end while somebody went on writing."""
    over = threading.Event()

    def storm() -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            world.put(f"05_Lists/{number % 5}.md", f"List {number}.\n")

    with world.daemon(debounce=0.5) as daemon:
        writing = threading.Thread(target=storm)
        writing.start()
        try:
            world.put("01_Knowledge/Late.md", "A late note.\n")
            daemon.until(lambda: daemon.titles("late") == ["Late"])
            assert daemon.until(lambda: world.read("01_Knowledge/Late.md").startswith("---"))
        finally:
            over.set()
            writing.join()


@pytest.mark.skipif(not can_be_blind(), reason="no user namespaces here")
def test_without_a_watch_the_vault_is_polled_and_everything_else_goes_on(world: World) -> None:
    """Incidents 22 and 23: a dead watch froze everything under a green heartbeat."""
    world.put("05_Lists/Old.md", agents("alpha", world.now() - 9000, "An old list.", status="outdated"), age=9000)
    with start(world.home, world.vault, settings=world.settings, under=BLIND, poll=0.3) as daemon:
        daemon.said("the vault is polled instead")
        assert daemon.health()["watch"] is False
        daemon.until(lambda: "watch=off" in (world.state / "memoryd.heartbeat").read_text())
        world.put("01_Knowledge/Late.md", "A late note.\n")
        daemon.until(lambda: daemon.titles("late") == ["Late"])
        daemon.until(lambda: keys(world.read("01_Knowledge/Late.md")).get("author") == "Dana")
        world.put(NOTE, world.read(NOTE).replace("One", "Two"))
        daemon.until(lambda: keys(world.read(NOTE))["last_edited_by"] == "unstamped")
        assert (world.vault / "07_Archive/05_Lists/Old.md").exists()
