"""A vault that other hosts write too: one of them stamps, the others only look; what a sync brings is left as it is."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.tended import World, agents, keys

LEASE = "99_System/memoryd.lease"
NOTE = "01_Knowledge/Fox.md"
BARE = "01_Knowledge/Bare.md"
OLD = "05_Lists/Old.md"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {"HUMAN_NAME": "Dana"})
    made.put(NOTE, agents("alpha", made.now() - 10, "One fox."))
    return made


def lease(world: World, until: float, *, host: str = "another") -> None:
    """A lease as another host writes it."""
    world.put(LEASE, f"host={host}\nname=the other machine\nuntil={int(until)}\n")


def test_a_vault_that_another_host_stamps_is_only_indexed(world: World) -> None:
    lease(world, time.time() + 3000)
    world.put(OLD, agents("alpha", world.now() - 9000, "An old list.", status="outdated"), age=9000)
    before = world.read(LEASE)
    with world.daemon() as daemon:
        assert (daemon.health()["lease"], daemon.health()["stamping"]) == ("the other machine", False)
        edited = world.read(NOTE).replace("One", "Two")
        world.put(NOTE, edited)
        world.put(BARE, "Typed by a person.\n")
        world.looked(daemon)
        world.looked(daemon)
        assert daemon.titles("typed person") == ["Bare"]
        assert (world.read(NOTE), world.read(BARE)) == (edited, "Typed by a person.\n")
        assert (world.vault / OLD).exists()

        given = {"title": "From a tool", "text": "Said over there.", "folder": "knowledge", "tags": ["x"]}
        daemon.call(given, "memory_write", **{"X-IAPeer-Identity": "alpha"})
        assert "last_edited_by" not in world.read("01_Knowledge/From a tool.md"), "its host will stamp it"
    assert world.read(LEASE) == before, "a lease of somebody else is not given up"


def test_a_tool_that_writes_before_the_first_look_does_not_stamp_either(world: World) -> None:
    """The lease is read before the first note can be written, not with the first pass."""
    lease(world, time.time() + 3000)
    for n in range(400):
        world.put(f"04_Ideas/{n}.md", f"Idea {n}. " + "words " * 400)
    with world.daemon(ready=False) as daemon:
        given = {"title": "Early", "text": "Said at once.", "folder": "knowledge", "tags": ["x"]}
        daemon.call(given, "memory_write", **{"X-IAPeer-Identity": "alpha"})
        assert "last_edited_by" not in world.read("01_Knowledge/Early.md")


def test_a_lease_that_is_given_up_is_taken_and_given_up_again(world: World) -> None:
    lease(world, 0)
    with world.daemon() as daemon:
        world.put(NOTE, world.read(NOTE).replace("One", "Two"))
        daemon.until(lambda: "unstamped" in world.read(NOTE))
        assert "host=another" not in world.read(LEASE)
        assert daemon.health()["lease"] is None
        assert daemon.stop() == 0
    # Without a mark of syncing of its own, a vault is its host's alone as soon as nobody else holds it.
    assert "until=0" in world.read(LEASE) or "host=another" in world.read(LEASE)


def test_a_lease_is_taken_over_when_its_holder_has_long_been_silent(world: World) -> None:
    """Clocks differ, so a lapsed lease alone is no reason: it must not have changed before our own eyes."""
    lease(world, time.time() - 5000)
    with world.daemon() as daemon:
        world.put(NOTE, world.read(NOTE).replace("One", "Two"))
        world.looked(daemon)
        assert "unstamped" not in world.read(NOTE)
        world.turn(0.0, 40 * 60.0)
        world.looked(daemon)
        world.put(NOTE, agents("alpha", world.now() - 10, "Three foxes."))
        world.looked(daemon)
        world.put(NOTE, world.read(NOTE).replace("Three", "Four"))
        daemon.until(lambda: "unstamped" in world.read(NOTE))
        assert "host=another" not in world.read(LEASE)


def git(folder: Path, *words: str) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], cwd=folder, env=env, check=True, capture_output=True)


@pytest.mark.parametrize("count", [4, 30])
def test_what_a_pull_brings_is_neither_stamped_nor_given_to_the_human(world: World, count: int) -> None:
    """Few notes or many: git says that it moved them. An edit by hand right after is the human's all the same."""
    git(world.vault, "init", "-q")
    git(world.vault, "add", ".")
    git(world.vault, "commit", "-qm", "one")
    theirs = world.root / "theirs"
    git(world.root, "clone", "-q", str(world.vault), str(theirs))
    brought = [f"01_Knowledge/Pulled {n}.md" for n in range(count)]
    for path in brought:
        (theirs / path).write_text(f"Typed elsewhere, {path}.\n")
    stale = agents("beta", time.time() - 9000, "Stale over there.", status="outdated")
    (theirs / "01_Knowledge/Stale.md").write_text(stale)
    changed = agents("alpha", time.time() - 10, "Ten foxes.")
    (theirs / NOTE).write_text(changed)
    git(theirs, "add", ".")
    git(theirs, "commit", "-qm", "two")
    with world.daemon() as daemon:
        git(world.vault, "pull", "-q", str(theirs), "main")
        daemon.wait(lambda health: health["notes"] >= count + 2)
        world.looked(daemon)
        assert {world.read(path) for path in brought} == {f"Typed elsewhere, {path}.\n" for path in brought}
        assert world.read(NOTE) == changed
        git(world.vault, "diff", "--exit-code", "HEAD", "--", "01_Knowledge")

        world.turn(200.0)
        world.put(BARE, "Typed here.\n")
        daemon.until(lambda: keys(world.read(BARE)).get("author") == "Dana" if "---" in world.read(BARE) else False)
        world.turn(2000.0)
        world.put("01_Knowledge/Another.md", "Typed here too.\n")
        daemon.until(lambda: world.read("01_Knowledge/Another.md").startswith("---"))
        assert world.read("01_Knowledge/Stale.md") == stale, "never archived"
    assert {world.read(path) for path in brought} == {f"Typed elsewhere, {path}.\n" for path in brought}
