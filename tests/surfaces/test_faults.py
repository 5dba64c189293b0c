"""A full disk at any effect, a kill before the ledger is saved: the same sweep converges. A dry run changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.faulty import faulty
from iapeer_memory.egress.overlay import overlay
from iapeer_memory.surfaces.sweep import sweep
from tests.support.surfaces import FOREIGN, Bench, git, lay, snapshot

EFFECTS = 40
"""More effects than a sweep of one peer has."""


def prepared(tmp_path: Path, door: Door, *, with_foreign: bool) -> Bench:
    bench = Bench.make(tmp_path, door, allow=True, grant_trust=True)
    peer = bench.peer()
    git(Path(peer.cwd), "init", "-q", ".")
    if with_foreign:
        lay(peer.cwd, FOREIGN)
    return bench


@pytest.mark.parametrize("saved", [True, False], ids=["ledger saved", "ledger lost"])
@pytest.mark.parametrize("at", range(1, EFFECTS, 3))
def test_one_failing_effect(tmp_path: Path, door: Door, at: int, saved: bool) -> None:
    bench = prepared(tmp_path, door, with_foreign=True)
    peer = bench.peer()
    was, home_was = snapshot(Path(peer.cwd)), snapshot(bench.home)
    bench.door = faulty(door, at, "error")
    job = bench.job()
    results = sweep(job, [peer])
    bench.door = door
    if saved:
        bench.save(job)
    failed = [o for r in results for o in r.outcomes if o.action == "failed"]
    assert all("No space left" in o.detail for o in failed if o.surface != "trust"), failed
    for harness in ("claude", "codex"):
        assert bench.provision(peer, harness).ok
        assert not bench.drift(peer, harness)
    assert not [name for name in snapshot(tmp_path) if ".tmp" in name]
    for harness in ("claude", "codex"):
        assert bench.unprovision(peer, harness).ok
    if saved:
        assert snapshot(Path(peer.cwd)) == was and snapshot(bench.home) == home_was
    else:
        now = snapshot(Path(peer.cwd))
        assert now.keys() >= was.keys()
        left = {k: v for k, v in now.items() if isinstance(v, bytes) and "exclude" not in k}
        assert not [name for name, data in left.items() if b"iapeer-memory" in data], left


@pytest.mark.parametrize("with_foreign", [True, False])
def test_a_dry_run_plans_what_the_real_run_then_does(tmp_path: Path, door: Door, with_foreign: bool) -> None:
    bench = prepared(tmp_path, door, with_foreign=with_foreign)
    peer = bench.peer()
    was = snapshot(tmp_path)
    dry, plan = overlay(door)
    planned = sweep(replace(bench, door=dry).job(), [peer])
    assert snapshot(tmp_path) == was and plan.effects
    assert sweep(bench.job(), [peer]) == planned
