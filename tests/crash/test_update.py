"""Dying or failing at any effect of an update on a host where everything drifted: the same command converges."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, Ran, until
from tests.support.foreign import Fleet, Snapshot

FAULT = "IAPEER_MEMORY_FAULT"
KILLED = 137
SPREAD = (1, 3, 7, 22, 29, 37, 46, 56, 67)
"""Each is struck; a little later an update is through."""
ALL = tuple(range(1, 400))


def drift(fleet: Fleet) -> None:
    """Everything that we placed is wrong, a little of it gone."""
    bed = fleet.bed
    for name in fleet.names:
        peer = bed.peer(name)
        for file in (".mcp.json", ".codex/config.toml"):
            (peer / file).write_text((peer / file).read_text().replace(f":{bed.port}/", ":1/"), newline="")
        skill = peer / ".claude/skills/iapeer-memory-status/SKILL.md"
        skill.write_text(skill.read_text() + "drifted\n")
        for file in (".claude/settings.json", ".codex/hooks.json"):
            data = (peer / file).read_bytes()
            (peer / file).write_bytes(data.replace(b"iapeer-memory.session-start.sh", b"iapeer-memory.old.sh"))
    (bed.peer("bare") / ".mcp.json").unlink()
    (bed.peer("repo") / ".codex/hooks.json").unlink()
    (bed.config_dir / "hooks/iapeer-memory.post-write.sh").unlink()
    (bed.config_dir / "hooks/iapeer-memory.session-start.sh").write_text("#!/bin/sh\n")
    (bed.config_dir / "memoryd-launcher.sh").chmod(0o644)
    (bed.state / "fleet.json").write_text("{}")
    (bed.home / ".local/bin/iapeer-memory").unlink()
    bed.end()


@pytest.fixture
def drifted(bed: Bed, tmp_path: Path) -> Iterator[tuple[Fleet, Snapshot]]:
    """A host whose every surface drifted, and the means to have it so again."""
    bed.prepare()
    fleet = Fleet(bed)
    fleet.furnish()
    fleet.init()
    drift(fleet)
    snapshot = Snapshot(bed, tmp_path / "snapshot")
    snapshot.take()
    yield fleet, snapshot


def converged(fleet: Fleet, *words: str) -> None:
    """The plain same command mends everything, and taking all out leaves every folder as it was before us."""
    bed = fleet.bed
    ran = bed.ok(*words)
    assert "complete" in ran.out
    verified = bed.run("verify")
    assert verified.code == 0, verified.out
    fleet.foreign_kept()
    until(lambda: fleet.leftovers() == [], "what memoryd writes is written")
    assert not (bed.state / "journal.json").exists()
    assert len(bed.daemons()) == 1
    for name in fleet.names:
        for file in (".mcp.json", ".claude/settings.json", ".codex/hooks.json"):
            json.loads((bed.peer(name) / file).read_text())
    assert stat.S_IMODE((bed.peer("full") / ".claude/settings.json").stat().st_mode) == 0o640
    bed.ok("uninstall", "--keep-binary")
    assert fleet.now() == fleet.before
    assert bed.daemons() == [] and fleet.leftovers() == []


def each(drifted: tuple[Fleet, Snapshot], how: str, places: tuple[int, ...], *words: str) -> Iterator[tuple[int, Ran]]:
    """Strike at each place in turn until a run gets through."""
    fleet, snapshot = drifted
    for place in places:
        snapshot.put_back()
        ran = fleet.bed.run(*words, env={FAULT: f"{how}:{place}"})
        yield place, ran
        if how != "error" and ran.code != KILLED:
            return
        if how == "error" and ran.code == 0:
            return
    assert places is not ALL, "the update never got through"


def died(drifted: tuple[Fleet, Snapshot], how: str, places: tuple[int, ...]) -> int:
    """The whole of it for an update that dies; how often it did."""
    fleet, _ = drifted
    struck = 0
    for place, ran in each(drifted, how, places, "update"):
        fleet.foreign_kept()
        try:
            converged(fleet, "update")
        except AssertionError as error:
            raise AssertionError(f"{how}:{place}: {error}") from error
        struck += ran.code == KILLED
    return struck


def failed(drifted: tuple[Fleet, Snapshot], places: tuple[int, ...]) -> int:
    """The whole of it for an update on a full disk; how often it met one."""
    fleet, _ = drifted
    struck = 0
    for place, ran in each(drifted, "error", places, "update"):
        fleet.foreign_kept()
        if ran.code:
            assert ran.code == 1, (place, ran)
            said = [line for line in (ran.out + ran.err).splitlines() if "No space left on device" in line]
            assert said, (place, ran)
            struck += 1
        try:
            converged(fleet, "update")
        except AssertionError as error:
            raise AssertionError(f"error:{place}: {error}") from error
    return struck


@pytest.mark.timeout(240)
def test_an_update_that_dies_before_an_effect_is_finished_by_the_same_command(
    drifted: tuple[Fleet, Snapshot],
) -> None:
    assert died(drifted, "die", SPREAD[::3]) == 3


@pytest.mark.timeout(240)
def test_an_update_that_dies_after_an_effect_is_finished_by_the_same_command(
    drifted: tuple[Fleet, Snapshot],
) -> None:
    assert died(drifted, "die-after", SPREAD[1::3]) == 3


@pytest.mark.timeout(240)
def test_an_update_on_a_full_disk_says_so_and_is_finished_by_the_same_command(
    drifted: tuple[Fleet, Snapshot],
) -> None:
    assert failed(drifted, SPREAD[2::3]) == 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["die", "die-after"])
def test_an_update_may_die_at_any_effect(drifted: tuple[Fleet, Snapshot], how: str) -> None:
    assert died(drifted, how, ALL) >= 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_update_may_fail_at_any_effect(drifted: tuple[Fleet, Snapshot]) -> None:
    assert failed(drifted, ALL) >= 3


def test_a_write_that_failed_is_no_second_removal_by_the_owner(bed: Bed) -> None:
    bed.init("alpha")
    mcp = bed.peer("alpha") / ".mcp.json"
    mcp.unlink()
    failed = 0
    for place in range(5, 40):
        ran = bed.run("update", env={FAULT: f"error:{place}"})
        failed += f"mcp: {mcp}: No space left" in ran.out
        if failed:
            break
    assert failed and not mcp.exists()
    bed.ok("update")
    assert mcp.exists()
    mcp.unlink()  # the second time by hand: from now on it is not fought over
    bed.ok("update")
    assert not mcp.exists()
