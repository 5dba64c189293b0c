"""The archive: what goes, where to, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.notes.archive import (
    GRACE,
    Candidate,
    Move,
    archive_note,
    came_from,
    free_name,
    is_stale,
    plan_archive,
    unarchive,
)  # fmt: skip
from tests.support.noted import Noted, noted_in

STALE = ("outdated", "superseded", "завершён")
NOW = 1e9


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    return noted_in(tmp_path)


@pytest.mark.parametrize(
    ("status", "stale"),
    [("outdated", True), (" Outdated ", True), ('"outdated"', True), ("'SUPERSEDED'", True), ("Завершён", True),
     ("завершён", True), ("current", False), ("", False), (None, False), ("outdated soon", False)],
)  # fmt: skip
def test_a_status_as_search_reads_it(status: str | None, stale: bool) -> None:
    assert is_stale(status, STALE) is stale


def test_the_plan_keeps_the_folders() -> None:
    notes = [
        Candidate("06_Agent_Memory/alpha/x.md", "outdated", NOW - GRACE),
        Candidate("01_Knowledge/x.md", '"Outdated"', NOW - 9 * GRACE),
        Candidate("01_Knowledge/young.md", "outdated", NOW - 60),
        Candidate("01_Knowledge/future.md", "outdated", NOW + 9 * GRACE),
        Candidate("01_Knowledge/live.md", "current", NOW - 9 * GRACE),
        Candidate("07_Archive/01_Knowledge/old.md", "outdated", NOW - 9 * GRACE),
    ]
    taken = {"07_Archive/01_Knowledge/x.md", "07_Archive/01_Knowledge/x-2.md"}
    plan = plan_archive(notes, archive="07_Archive", stale=STALE, taken=taken.__contains__, now=NOW)
    assert plan.moves == (
        Move("06_Agent_Memory/alpha/x.md", "07_Archive/06_Agent_Memory/alpha/x.md"),
        Move("01_Knowledge/x.md", "07_Archive/01_Knowledge/x-3.md"),
        Move("01_Knowledge/future.md", "07_Archive/01_Knowledge/future.md"),
    )
    assert plan.waiting == (("01_Knowledge/young.md", GRACE - 60),)


def test_twins_do_not_meet_in_the_archive() -> None:
    notes = [Candidate("01_Knowledge/x.md", "outdated", 0), Candidate("01_Knowledge/X.md", "outdated", 0)]
    plan = plan_archive(notes, archive="07_Archive", stale=STALE, taken=lambda _: False, now=NOW)
    assert [move.target for move in plan.moves] == ["07_Archive/01_Knowledge/x.md", "07_Archive/01_Knowledge/X-2.md"]


@pytest.mark.parametrize(("path", "free"), [("a/b.md", "a/b-2.md"), ("a.b/c", "a.b/c-2"), ("a/.b.c.md", "a/.b.c-2.md")])
def test_free_names(path: str, free: str) -> None:
    assert free_name(path, {path}.__contains__) == free


def test_there_and_back(noted: Noted) -> None:
    path, target = "06_Agent_Memory/alpha/x.md", "07_Archive/06_Agent_Memory/alpha/x.md"
    noted.put(path, b"one")
    noted.put(target, b"taken meanwhile")
    done, went = archive_note(noted.writer, Move(path, target), expect=b"one")
    assert (done.status, went) == ("moved", "07_Archive/06_Agent_Memory/alpha/x-2.md")
    folder = noted.history.folder
    assert came_from(noted.door.files, folder, went, archive="07_Archive") == path
    assert (
        came_from(noted.door.files, folder, "07_Archive/01_Knowledge/y.md", archive="07_Archive") == "01_Knowledge/y.md"
    )
    assert unarchive(noted.writer, went, path).status == "moved"
    assert (noted.vault / path).read_bytes() == b"one"
    assert [record.event for record in noted.records()] == ["archived", "unarchived"]


def test_an_append_to_a_stale_note_keeps_it(noted: Noted) -> None:
    """Somebody wrote it after its status was read."""
    noted.put("01_Knowledge/x.md", b"one and more")
    done, _ = archive_note(noted.writer, Move("01_Knowledge/x.md", "07_Archive/01_Knowledge/x.md"), expect=b"one")
    assert done.status == "changed" and "01_Knowledge/x.md" in noted.names()
    noted.put("01_Knowledge/y.md", b"two")
    noted.put("07_Archive/01_Knowledge/z.md", b"three")
    assert unarchive(noted.writer, "07_Archive/01_Knowledge/z.md", "01_Knowledge/y.md").status == "exists"
