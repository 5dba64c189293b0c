"""Which versions stay, and which go: by what a note says now, by days, by size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iapeer_memory.notes.history import blob_path, day
from iapeer_memory.notes.prune import BLOCK, FRESH, choose, ends, prune
from iapeer_memory.notes.record import Record
from iapeer_memory.vault.sha256 import sha256_hex
from tests.support.noted import Noted, noted_in

DAY = 86400.0
NOW = 400 * DAY


def at(days_ago: float, event: str, path: str, data: bytes = b"", other: str = "") -> Record:
    digest = sha256_hex(data) if data else ""
    return Record(NOW - days_ago * DAY, event, "", digest, path, size=len(data), other=other)


@pytest.mark.parametrize(
    ("log", "alive", "ended"),
    [
        ([at(200, "seen", "a", b"1")], [b"1"], {}),
        ([at(200, "seen", "a", b"1"), at(3, "seen", "a", b"2")], [b"2"], {b"1": 3}),
        ([at(200, "seen", "a", b"1"), at(9, "deleted", "a")], [], {b"1": 9}),
        ([at(200, "seen", "a", b"1"), at(9, "archived", "a", other="z/a")], [b"1"], {}),
        ([at(200, "seen", "a", b"1"), at(9, "renamed", "a", b"1", "b"), at(2, "seen", "b", b"2")], [b"2"], {b"1": 2}),
        ([at(9, "seen", "a", b"1"), at(8, "seen", "b", b"1"), at(2, "deleted", "a")], [b"1"], {}),
        ([at(9, "seen", "a", b"1"), at(8, "seen", "a", b"2"), at(7, "seen", "a", b"1")], [b"1"], {b"2": 7}),
        ([at(9, "snapshot", ""), at(8, "deleted", "never seen")], [], {}),
    ],
)
def test_when_a_version_ends(log: list[Record], alive: list[bytes], ended: dict[bytes, float]) -> None:
    wanted: dict[str, float | None] = {sha256_hex(data): None for data in alive}
    wanted |= {sha256_hex(data): NOW - days * DAY for data, days in ended.items()}
    assert ends(log) == wanted


def test_the_size_takes_the_oldest_first_and_what_stands_last() -> None:
    end_of = {"standing": None, "young": NOW - DAY, "older": NOW - 5 * DAY, "too old": NOW - 91 * DAY}
    sizes = dict.fromkeys(end_of, 10)
    for room, kept in ((9, 3), (3, 3), (2, 2), (1, 1), (0, 0)):
        stay, forced = choose(end_of, sizes, NOW, max_age=90 * DAY, max_bytes=room * BLOCK)
        assert stay == frozenset(["standing", "young", "older"][:kept]) and forced == 3 - kept


def fill(noted: Noted, *log: tuple[Record, bytes]) -> None:
    """Records and their bytes, as old as their records."""
    for record, data in log:
        if data:
            noted.history.put(record.digest, data)
            os.utime(blob_path(noted.history.folder, record.digest), (record.time, record.time))
        noted.history.record(record)


def test_pruning_a_store(tmp_path: Path) -> None:
    noted = noted_in(tmp_path)
    story = [
        (300.0, "seen", "kept.md", b"still said", ""), (300.0, "seen", "a.md", b"long gone", ""),
        (200.0, "seen", "a.md", b"gone for ten days", ""), (10.0, "seen", "a.md", b"said now", ""),
        (95.0, "seen", "b.md", b"deleted long ago", ""), (93.0, "deleted", "b.md", b"", ""),
    ]  # fmt: skip
    fill(noted, *((at(ago, event, path, data, other), data) for ago, event, path, data, other in story))
    stray = sha256_hex(b"stray")
    noted.history.put(stray, b"stray")
    done = prune(noted.door.files, noted.history.folder, now=NOW)
    # The two whose days are over; the one without a record has only just been written.
    assert done.versions == 2
    assert sorted(noted.kept()) == sorted([b"still said", b"gone for ten days", b"said now"])
    logs = {path.name for path in (noted.state / "history/log").iterdir()}
    assert f"{day(NOW - 93 * DAY)}.log" not in logs and f"{day(NOW - 300 * DAY)}.log" in logs
    again = prune(noted.door.files, noted.history.folder, now=NOW)
    assert again.versions == 0 and again.kept_bytes >= 3 * BLOCK


def test_a_version_whose_record_is_on_its_way_stays(tmp_path: Path) -> None:
    noted = noted_in(tmp_path)
    digest = sha256_hex(b"young")
    noted.history.put(digest, b"young")
    now = Path(blob_path(noted.history.folder, digest)).stat().st_mtime
    assert prune(noted.door.files, noted.history.folder, now=now + FRESH - 1).versions == 0
    assert prune(noted.door.files, noted.history.folder, now=now + FRESH + 1).versions == 1


def test_an_empty_store(tmp_path: Path) -> None:
    noted = noted_in(tmp_path)
    assert prune(noted.door.files, noted.history.folder, now=NOW).versions == 0
