"""A peer is renamed while the daemon runs: notes, authors, links, search, surfaces and history follow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, Ran, tree, until
from tests.support.core_bed import CoreBed, core_bed_in
from tests.support.renamed import HUMAN, MINE, NOW, context, converged, files, furnish, lived_in, put


@pytest.fixture
def furnished(bed: Bed) -> Bed:
    """A host with alpha and beta, whose daemon has seen their notes, and who would tell what a human edits."""
    lived_in(bed)
    return bed


def renamed(bed: Bed, *words: str) -> Ran:
    return bed.run("peer", "rename", "alpha", "gamma", *words)


def test_a_peer_is_renamed_with_all_that_is_its_own(furnished: Bed) -> None:
    bed = furnished
    bed.ok("peer", "pause", "beta")
    before, beside = files(bed.vault), tree(bed.peer("beta"))
    times = {path: (bed.vault / path).stat().st_mtime_ns for path in before}
    registry = (bed.config_dir / "fleet.toml").read_text()

    ran = renamed(bed)
    assert ran.code == 0 and "Torn.md" in ran.out, ran
    converged(bed, before)

    assert tree(bed.peer("beta")) == beside
    moved = {path.replace(f"{MINE}/", f"{NOW}/"): stamp for path, stamp in times.items()}
    assert {path: (bed.vault / path).stat().st_mtime_ns for path in moved} == moved
    assert (bed.config_dir / "fleet.toml").read_text() == registry.replace('name = "alpha"', 'name = "gamma"')
    assert [p["name"] for p in bed.ok("peer", "list", "--json").json()["peers"] if p["paused"]] == ["beta"]

    versions = bed.ok("note", "history", f"{NOW}/Note 3.md", "--json").json()["versions"]
    assert {row["event"] for row in versions} >= {"renamed", "stamped"} and "deleted" not in str(versions)
    assert "author: alpha" in bed.ok("note", "show", f"{NOW}/Note 3.md").out
    log = (bed.root / "logs/iapeer-memory/memoryd.log").read_text()
    assert "notes changed by" not in log and "held" not in log and "edited" not in log

    again = renamed(bed)
    assert again.code == 2 and "no peer is called alpha" in again.err

    links = bed.vault / "01_Knowledge/Links.md"
    links.write_text(links.read_text() + "A line of a human's.\n")
    until(lambda: f"last_edited_by: {HUMAN}" in links.read_text(), "whoever edits now is told")


def test_a_dry_run_and_a_refusal_change_nothing(furnished: Bed) -> None:
    bed = furnished
    pids, whole, notes = bed.daemons(), tree(bed.root / "plugins"), files(bed.vault)
    a_dry_run_says_it_all(bed)
    what_must_not_be_is_refused(bed)
    assert (bed.daemons(), tree(bed.root / "plugins"), files(bed.vault)) == (pids, whole, notes)
    assert not (bed.state / "journal.json").exists()
    until(lambda: "alpha" in context(bed), "memoryd, which made room for the lease, tells alpha's memory again")


def a_dry_run_says_it_all(bed: Bed) -> None:
    """A line a note, and the same as JSON."""
    plan = renamed(bed, "--dry-run")
    assert plan.code == 0, plan
    assert f"would change {NOW}/Note 3.md (author, coauthors, last_edited_by)" in plan.out
    assert "would change 01_Knowledge/Links.md (coauthors, links)" in plan.out
    assert f"would move {MINE}/picture.png → {NOW}/picture.png" in plan.out
    document = renamed(bed, "--dry-run", "--json").json()
    assert (document["kind"], document["ok"], document["dry_run"]) == ("peer-rename", True, True)
    assert len(document["moves"]) == 18 and len(document["edits"]) == 19
    assert document["left"] == ["02_Decisions/Torn.md"]


def what_must_not_be_is_refused(bed: Bed) -> None:
    """One line on stderr, whatever stands in the way."""
    for old, new, code, words in (
        ("nobody", "gamma", 2, "no peer is called nobody"),
        ("alpha", "Gamma", 2, "cannot name a peer"),
        ("alpha", "alpha", 2, "both names are the same"),
        ("alpha", "beta", 2, "there is a peer beta already"),
        ("alpha", "scriber", 2, "curator's name"),
        ("index", "gamma", 2, "curator's name"),
        ("alpha", HUMAN, 2, "somebody else"),
        ("alpha", "unstamped", 2, "somebody else"),
    ):
        ran = bed.run("peer", "rename", old, new)
        assert ran.code == code and words in ran.err and ran.err.count("\n") == 1, ran

    put(bed, f"{NOW}/note 3.MD.md", "theirs, and in nobody's way\n")
    taken = put(bed, f"{NOW}/NOTE 3.md", "theirs\n")
    ran = renamed(bed)
    assert ran.code == 1 and f"{NOW}/Note 3.md" in ran.err, ran
    taken.unlink()
    os.link(bed.vault / MINE / "Note 4.md", bed.home / "second name")
    ran = renamed(bed)
    assert ran.code == 1 and "Note 4.md: has another name elsewhere" in ran.err, ran
    (bed.home / "second name").unlink()
    lease = put(bed, "99_System/memoryd.lease", f"host=other\nname=laptop\nuntil={int(time.time()) + 3000}\n")
    ran = renamed(bed)
    assert ran.code == 1 and "laptop writes this vault now" in ran.err, ran
    lease.unlink()
    (bed.vault / NOW / "note 3.MD.md").unlink()
    (bed.vault / NOW).rmdir()


def test_what_is_left_over_is_done_by_the_same_command(furnished: Bed) -> None:
    """A note that somebody holds open leaves the name as it is; one written later in the old name is taken in too."""
    bed = furnished
    before = files(bed.vault)
    folder = bed.vault / MINE / "sub folder"
    held = open(folder / "Deep.md", "r+b")  # noqa: SIM115 - somebody has it open for writing
    try:
        ran = renamed(bed)
    finally:
        held.close()
    if ran.code == 0:
        pytest.skip("this system does not tell who has a file open")
    assert "Deep.md: somebody has it open for writing" in ran.out and len(bed.daemons()) == 1, ran
    assert {p["name"] for p in bed.ok("peer", "list", "--json").json()["peers"]} == {"alpha", "beta"}
    assert renamed(bed).code == 0
    converged(bed, before)

    late = put(bed, f"{MINE}/Late.md", "---\nauthor: alpha\n---\nreservoir\n")
    assert renamed(bed).code == 0
    assert not late.exists() and (bed.vault / NOW / "Late.md").read_text() == "---\nauthor: gamma\n---\nreservoir\n"


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(tmp_path, runtime, peers=("alpha", "beta")) as made:
        made.init("--skip-guide")
        yield made


def test_where_the_core_keeps_the_name_the_memory_follows(host: CoreBed) -> None:
    bed = host.bed
    furnish(bed)
    (bed.config_dir / "fleet.toml").write_text('paused = ["alpha"]\n')
    before = {path: data for path, data in files(bed.vault).items() if f"{MINE}/" in path}
    early = host.run("peer", "rename", "alpha", "gamma", "--dry-run")
    assert early.code == 0 and "iapeer rename alpha gamma" in early.out, early
    host.core.ok("rename", "alpha", "gamma")
    ran = host.ok("peer", "rename", "alpha", "gamma")
    assert "iapeer-memory update" in ran.out
    now = files(bed.vault)
    assert all(path.replace(MINE, NOW) in now and path not in now for path in before)
    assert b"author: gamma" in now[f"{NOW}/Note 3.md"]
    assert (bed.config_dir / "fleet.toml").read_text() == 'paused = ["gamma"]\n'
    host.ok("update")
    assert sorted(set(host.map_names()) & {"alpha", "beta", "gamma"}) == ["beta", "gamma"]
