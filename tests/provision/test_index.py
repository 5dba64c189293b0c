"""The index beside the vault: what somebody did to either is found by looking, and mended by memoryd that is asked."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace

from iapeer_memory.domain.finding import Finding
from iapeer_memory.egress.overlay import overlay
from iapeer_memory.provision.steps.index import IndexStep
from iapeer_memory.provision.verify import repair, verify
from tests.support.daemon import Running, start, write
from tests.support.indexed import Place


def test_an_index_as_the_vault_is_well_and_looking_leaves_no_trace(place: Place) -> None:
    with start(place.home, place.vault) as daemon:
        port = daemon.port
        assert place.look(port) == Finding("index", "ok", "12 notes, as in the vault")
        assert place.look(port, thorough=True) == Finding("index", "ok", "12 notes, as in the vault")
        assert daemon.stop() == 0
    before = sorted(place.index.parent.iterdir())
    assert place.look(port, thorough=True) == Finding("index", "ok", "12 notes, as in the vault")
    assert sorted(place.index.parent.iterdir()) == before


ALTERED: dict[str, tuple[str, ...]] = {
    "a text": ("UPDATE texts SET text = 'A blue goat.' WHERE text LIKE '%fox%'",),
    "a title": ("UPDATE notes SET title = 'Goat' WHERE path LIKE '%fox.md'",),
    "what a filter compares": ("UPDATE notes SET facets = '' WHERE path LIKE '%n03.md'",),
    "a date": ("UPDATE notes SET since = '2099' WHERE path LIKE '%n03.md'",),
    "a link": ("UPDATE links SET target = 'fox' WHERE at = 0",),
    "the words": ("DELETE FROM passages_docsize WHERE id = (SELECT max(id) FROM passages_docsize)",),
    "a text that is none": ("UPDATE texts SET text = CAST(x'ff' AS TEXT) WHERE text LIKE '%fox%'",),
}


def test_rows_that_somebody_altered_are_found_and_mended(place: Place, running: Running) -> None:
    for what, statements in ALTERED.items():
        place.sql(*statements)
        found = place.look(running.port, thorough=True)
        assert (found.status, found.healable, found.remedy) == ("fail", True, "iapeer-memory verify --repair"), what
        assert "altered: 01_Knowledge/" in found.detail or "damaged" in found.detail, what
        assert place.mend(running.port).status == "repaired", what
        assert place.look(running.port, thorough=True).status == "ok", what
        assert running.titles("red fox") == ["fox"] and running.titles("goat") == [], what
        assert running.search("number3")["results"][0]["path"] == "01_Knowledge/n03.md", what


DRIFTED: dict[str, tuple[str, str]] = {
    "a row is gone": ("DELETE FROM notes WHERE path LIKE '%fox.md'", "1 missing: 01_Knowledge/fox.md"),
    "a row is invented": (
        "INSERT INTO notes SELECT 999, 999, '01_Knowledge/ghost.md', digest, seal, 0, 0, facets, since, 'ghost', type,"
        " subtype, status, description, tags, author, coauthors, created, updated, last_edited_by, reviewed, aliases,"
        " directory, keys FROM notes WHERE path LIKE '%fox.md'",
        "1 surplus: 01_Knowledge/ghost.md",
    ),
    "a digest is another": ("UPDATE notes SET digest = 'x' WHERE path LIKE '%fox.md'", "1 stale: 01_Knowledge/fox.md"),
    "all rows are gone": ("DELETE FROM notes", "12 missing: 01_Knowledge/fox.md, 01_Knowledge/n00.md, 01_Knowledge/n0"),
}


def test_rows_that_do_not_match_the_vault_are_found_by_a_quick_look(place: Place, running: Running) -> None:
    for what, (change, words) in DRIFTED.items():
        place.sql(change)
        found = place.look(running.port)
        assert (found.status, found.healable) == ("fail", True) and found.detail.startswith(words), what
        assert place.mend(running.port).status == "repaired", what
        assert place.look(running.port, thorough=True).status == "ok", what
        assert running.titles("red fox") == ["fox"], what


def test_what_the_watch_did_not_see_is_found_and_mended(place: Place, running: Running) -> None:
    place.note("fox", "A grey wolf.\n")
    place.note("new", "An owl.\n")
    (place.vault / "01_Knowledge/n00.md").unlink()
    assert place.look(running.port).status == "ok", "what is young is memoryd's own business"
    place.age()
    found = place.look(running.port)
    assert found.detail == (
        "1 missing: 01_Knowledge/new.md; 1 stale: 01_Knowledge/fox.md; 1 surplus: 01_Knowledge/n00.md"
    )
    assert running.titles("wolf") == []
    mended = place.mend(running.port)
    assert (mended.status, mended.detail) == ("repaired", "memoryd looked at every note anew; 12 notes")
    assert running.titles("wolf") == ["fox"] and running.titles("owl") == ["new"] and running.titles("red") == []


def test_what_is_excluded_now_is_surplus(place: Place, running: Running) -> None:
    write(place.vault, ".memoryignore", "n01.md\n")
    place.age()
    assert place.look(running.port).detail == "1 surplus: 01_Knowledge/n01.md"
    assert place.mend(running.port).status == "repaired"


def test_memoryd_doubts_by_itself_now_and_then(place: Place) -> None:
    with start(place.home, place.vault, belt=0.2, doubt=0.2) as daemon:
        place.sql("UPDATE texts SET text = 'A blue goat.' WHERE text LIKE '%fox%'")
        daemon.until(lambda: place.look(daemon.port, thorough=True).status == "ok")
        assert daemon.titles("red fox") == ["fox"] and daemon.health()["rescans"] == 0


def test_a_rescan_is_asked_for_from_this_host_only(running: Running) -> None:
    assert running.request("GET", "/rescan")[0] == 405
    assert running.request("POST", "/rescan", headers={"Origin": "http://evil.example"})[0] == 403
    assert running.request("POST", "/rescan", headers={"Host": "evil.example"})[0] == 403
    assert running.health()["rescans"] == 1


def test_tampered_while_memoryd_was_down(place: Place) -> None:
    with start(place.home, place.vault) as daemon:
        port = daemon.port
        assert daemon.stop() == 0
    place.sql("UPDATE texts SET text = 'A blue goat.' WHERE text LIKE '%fox%'", "DELETE FROM notes WHERE title = 'n05'")
    found = place.look(port, thorough=True)
    assert found.detail == "1 missing: 01_Knowledge/n05.md; 1 altered: 01_Knowledge/fox.md; memoryd is down", found
    assert place.mend(port).detail.endswith("repair failed: memoryd does not answer")
    with start(place.home, place.vault, port=port) as daemon:
        assert place.look(port, thorough=True).detail == "1 altered: 01_Knowledge/fox.md"
        assert place.mend(port).status == "repaired"
        assert daemon.titles("red fox") == ["fox"]


def test_deletions_that_memoryd_does_not_believe_are_a_warning_with_a_remedy(place: Place, running: Running) -> None:
    for note in place.vault.glob("01_Knowledge/n*.md"):
        note.unlink()
    place.age()
    assert place.look(running.port).detail.startswith("11 surplus")
    found = place.mend(running.port)
    assert (found.status, found.detail.split(":")[0]) == ("warn", "11 notes vanished at once and are kept")
    assert "config set ALLOW_MASS_DELETE 1" in (found.remedy or "")
    place.note("late", "An owl.\n")
    place.age()
    assert place.look(running.port).detail == "1 missing: 01_Knowledge/late.md"


def test_where_nothing_can_be_said_it_is_skipped(place: Place) -> None:
    assert place.look(1) == Finding("index", "skip", "memoryd has not made one yet")
    with start(place.home, place.vault) as daemon:
        place.vault.rename(place.vault.with_name("away"))
        assert daemon.request("POST", "/rescan")[0] == 202
        daemon.wait(lambda health: bool(health["away"]))
        assert place.look(daemon.port).status == "skip"


def test_a_disk_that_takes_nothing_is_told_at_once(place: Place, running: Running) -> None:
    place.sql("DELETE FROM notes WHERE title = 'n05'")
    with closing(sqlite3.connect(place.index, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        found = place.mend(running.port)
        stranger.execute("ROLLBACK")
    assert found.status == "fail" and "repair failed: memoryd cannot: " in found.detail and "locked" in found.detail
    assert place.mend(running.port).status in ("ok", "repaired")


def test_a_note_that_cannot_be_read_is_named_and_is_no_difference(place: Place, running: Running) -> None:
    if os.geteuid() == 0:
        large = place.note("large", "")
        os.truncate(large, (32 << 20) + 1)
        name = "large"
    else:
        place.note("closed", "x").chmod(0)
        name = "closed"
    place.age()
    found = verify(place.host(running.port), [IndexStep()])
    assert [f.status for f in found] == ["ok", "warn"]
    assert found[1].detail == f"1 notes cannot be read: 01_Knowledge/{name}.md"


def test_a_dry_run_asks_nothing_of_memoryd(place: Place, running: Running) -> None:
    place.sql("DELETE FROM notes WHERE title = 'n05'")
    host = place.host(running.port, thorough=True)
    door, plan = overlay(host.door, probes=())
    found = repair(replace(host, door=door), [IndexStep()])
    assert found[0].status == "fail" and plan.effects == []
    assert running.health()["rescans"] == 1
