"""What peers start their sessions with, as the daemon writes it: fragments beside a core, contexts without one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.tended import World, agents

HABIT = "06_Agent_Memory/alpha/Habits.md"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.put("99_System/Tags.md", "| Tag | Boundary |\n| --- | --- |\n| boats | what floats |\n| ropes | — |\n")
    made.put(HABIT, agents("alpha", made.now() - 900, "Alpha coils ropes clockwise."))
    made.put("01_Knowledge/Knots.md", agents("alpha", made.now() - 900, "Bowlines. See [[Habits]]."))
    made.put("02_Decisions/Old.md", agents("alpha", made.now() - 900, "Gone.", status="superseded"))
    made.put("06_Agent_Memory/beta/Secret of beta.md", agents("beta", made.now() - 900, "Beta's own."))
    for name in ("alpha", "beta", "gone"):
        (made.root / "peers" / name).mkdir(parents=True)
    made.fleet(**{name: made.root / "peers" / name for name in ("alpha", "beta", "gone")})
    return made


def peer(world: World, name: str) -> Path:
    return world.root / "peers" / name


def fragment(world: World, name: str) -> Path:
    return peer(world, name) / ".iapeer" / "fragments" / "iapeer-memory.md"


def test_with_a_core_each_peer_gets_its_fragment_and_its_indexes(world: World) -> None:
    """Incidents 32 and 33: identical texts are not written again, and a removed peer's folder does not come back."""
    world.with_core()
    with world.daemon() as daemon:
        daemon.until(lambda: fragment(world, "alpha").exists() and fragment(world, "beta").exists())
        text = fragment(world, "alpha").read_text()
        first, second, third = [part.splitlines()[0] for part in text.split("## ")[1:4]]
        assert (first, second, third) == ("iapeer-memory paths", "Tags.md", "alpha-vault-index.md")
        rows = text.split("<iapeer-memory-paths>\n")[1].split("</iapeer-memory-paths>")[0].splitlines()
        assert [row.partition(": ")[0] for row in rows] == ["vault", "db", "config", "state", "cache", "logs"]
        assert "boats — what floats\nropes\n" in text
        assert "[[Habits]]" in text
        assert "[[Knots]]" in text
        assert "[[Old]]" not in text, "stale notes are no map of one's own"
        assert "Secret of beta" not in text

        index, full = (world.state / "indexes" / f"alpha-vault-index{end}.md" for end in ("", "-full"))
        daemon.until(full.exists)
        assert index.read_text().splitlines()[0].startswith("# ")
        assert "[[Knots]]" in full.read_text()
        assert (world.cache / "tags-projection.md").read_text() == "boats — what floats\nropes\n"

        daemon.until(fragment(world, "gone").exists)
        files = [fragment(world, "alpha"), index, full, world.cache / "tags-dictionary.md"]
        before = [(file.stat().st_mtime_ns, file.stat().st_ino) for file in files]
        os.rename(peer(world, "gone"), world.root / "elsewhere")
        world.put("06_Agent_Memory/beta/More of beta.md", agents("beta", world.now() - 900, "More."))
        daemon.until(lambda: "More of beta" in fragment(world, "beta").read_text())
        assert not peer(world, "gone").exists()
        assert [(file.stat().st_mtime_ns, file.stat().st_ino) for file in files] == before

        world.put("99_System/Tags.md", "")
        world.put(HABIT, agents("alpha", world.now() - 800, "Alpha coils ropes clockwise, always."))
        world.put("06_Agent_Memory/alpha/New.md", agents("alpha", world.now() - 800, "A new habit."))
        daemon.until(lambda: "[[New]]" in fragment(world, "alpha").read_text())
        assert (world.cache / "tags-dictionary.md").read_text().count("boats") == 1, "never emptied"
        assert not (world.state / "context").exists()


def test_without_a_core_contexts_are_rendered_for_the_hook(world: World) -> None:
    with world.daemon() as daemon:
        place = world.state / "context" / "by-path" / str(peer(world, "alpha")).lstrip("/") / "context.txt"
        daemon.until(place.exists)
        text = place.read_text()
        assert "Habits" in text
        assert len(text) <= 9_500
        assert not (peer(world, "alpha") / ".iapeer").exists(), "a peer's folder is its own"
        inode = place.stat().st_ino
        world.put("06_Agent_Memory/beta/More of beta.md", agents("beta", world.now() - 900, "More."))
        other = world.state / "context" / "by-path" / str(peer(world, "beta")).lstrip("/") / "context.txt"
        daemon.until(lambda: other.exists() and "More of beta" in other.read_text())
        assert (place.stat().st_ino, place.read_text()) == (inode, text)


def test_a_fleet_map_that_is_missing_or_broken_changes_nothing(world: World) -> None:
    world.with_core()
    (world.state / "fleet.json").write_text(json.dumps({"peers": "none"}))
    with world.daemon() as daemon:
        world.looked(daemon)
        (world.state / "fleet.json").unlink()
        world.put("01_Knowledge/Late.md", "A late note.\n")
        daemon.until(lambda: daemon.titles("late note") == ["Late"])
        assert daemon.health()["trouble"] is None
    assert not fragment(world, "alpha").exists()
