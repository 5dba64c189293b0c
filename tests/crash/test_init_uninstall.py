"""Dying or failing at an effect of init or uninstall: the same command converges, and no undo is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, until
from tests.support.foreign import Fleet, Snapshot

FAULT = "IAPEER_MEMORY_FAULT"
KILLED = 137
SPREAD = (2, 20, 33, 44, 52, 59, 67, 76, 88)
UNINSTALL_SPREAD = (6, 23, 40, 57)
ALL = tuple(range(1, 500))


@pytest.fixture
def fresh(bed: Bed, tmp_path: Path) -> Iterator[tuple[Fleet, Snapshot]]:
    """A host before us, and the means to have it so again."""
    bed.prepare()
    fleet = Fleet(bed)
    fleet.furnish()
    snapshot = Snapshot(bed, tmp_path / "snapshot")
    snapshot.take()
    yield fleet, snapshot


def strike_init(fresh: tuple[Fleet, Snapshot], how: str, places: tuple[int, ...], *, retry: bool) -> int:
    """Init struck at each place; then init again (or nothing), then uninstall: every folder is as it was. How often
    it was struck before it got through."""
    fleet, snapshot = fresh
    bed = fleet.bed
    words = ("init", *fleet.flags(), "--allow", "--non-interactive")
    for struck, place in enumerate(places):
        snapshot.put_back()
        ran = bed.run(*words, env={FAULT: f"{how}:{place}"})
        through = ran.code == 0 if how == "error" else ran.code != KILLED
        if how == "error" and not through:
            assert ran.code == 1 and "No space left on device" in ran.out + ran.err, (place, ran)
        fleet.foreign_kept()
        if retry:
            bed.ok(*words)
            assert bed.run("verify").code == 0
            assert len(bed.daemons()) == 1
            until(lambda: fleet.leftovers() == [], "what memoryd writes is written")
            assert not (bed.state / "journal.json").exists()
        bed.ok("uninstall", "--keep-binary")
        assert fleet.now() == fleet.before, f"{how}:{place}"
        assert bed.daemons() == [] and fleet.leftovers() == [], f"{how}:{place}"
        if through:
            return struck
    assert places is not ALL, "init never got through"
    return len(places)


@pytest.mark.parametrize(
    ("how", "retry", "places"),
    [("die-after", True, SPREAD[::3]), ("die", False, SPREAD[1::3]), ("error", False, SPREAD[2::3])],
)
def test_an_init_that_is_struck(fresh: tuple[Fleet, Snapshot], how: str, retry: bool, places: tuple[int, ...]) -> None:
    assert strike_init(fresh, how, places, retry=retry) == len(places)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("retry", [True, False])
@pytest.mark.parametrize("how", ["die", "die-after", "error"])
def test_an_init_may_be_struck_at_any_effect(fresh: tuple[Fleet, Snapshot], how: str, retry: bool) -> None:
    assert strike_init(fresh, how, ALL, retry=retry) > max(SPREAD)


def strike_uninstall(fleet: Fleet, snapshot: Snapshot, how: str, places: tuple[int, ...]) -> int:
    """Uninstall struck at each place, then the plain uninstall: every folder is as it was. How often it was struck
    before it got through."""
    bed = fleet.bed
    for struck, place in enumerate(places):
        snapshot.put_back()
        ran = bed.run("uninstall", "--keep-binary", env={FAULT: f"{how}:{place}"})
        through = ran.code == 0 if how == "error" else ran.code != KILLED
        fleet.foreign_kept()
        bed.ok("uninstall", "--keep-binary")
        assert fleet.now() == fleet.before, f"{how}:{place}"
        assert bed.daemons() == [] and fleet.leftovers() == [], f"{how}:{place}"
        assert not (bed.state / "ledger.json").exists() and not (bed.state / "journal.json").exists()
        if through:
            return struck
    assert places is not ALL, "uninstall never got through"
    return len(places)


@pytest.fixture
def installed(fresh: tuple[Fleet, Snapshot], tmp_path: Path) -> tuple[Fleet, Snapshot]:
    """A host with everything in place."""
    fleet, _ = fresh
    fleet.init()
    fleet.bed.end()
    snapshot = Snapshot(fleet.bed, tmp_path / "installed")
    snapshot.take()
    return fleet, snapshot


@pytest.mark.parametrize(("how", "places"), [("die", UNINSTALL_SPREAD), ("error", (2, 14, 33))])
def test_an_uninstall_that_is_struck(installed: tuple[Fleet, Snapshot], how: str, places: tuple[int, ...]) -> None:
    assert strike_uninstall(*installed, how, places) == len(places)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["die", "die-after", "error"])
def test_an_uninstall_may_be_struck_at_any_effect(installed: tuple[Fleet, Snapshot], how: str) -> None:
    assert strike_uninstall(*installed, how, ALL) > max(UNINSTALL_SPREAD)
