"""What a reader can tell of rows that somebody else has changed, and that looking leaves no trace."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.port import IndexBroken
from iapeer_memory.index.sqlite.engine import SqliteEngine
from tests.support.records import filled, note


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.db"


@pytest.fixture
def engine(place: Path) -> SqliteEngine:
    made = SqliteEngine(RealFiles(), str(place), uid=os.getuid())
    filled(made, note("a.md", "one|two", links=["b"], updated="2026-01-01"), note("b.md", "three", title="B"))
    return made


def doubtful(engine: SqliteEngine) -> tuple[str, ...]:
    reader = engine.onlooker()
    try:
        return reader.doubtful()
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE notes SET status = 'other' WHERE path = 'b.md'", ("b.md",)),
        ("UPDATE notes SET title = 'evil' WHERE path = 'b.md'", ("b.md",)),
        ("UPDATE notes SET digest = 'x' WHERE path = 'a.md'", ("a.md",)),
        ("UPDATE notes SET keys = 'evil' WHERE path = 'a.md'", ("a.md",)),
        ("UPDATE notes SET facets = '' WHERE path = 'a.md'", ("a.md",)),
        ("UPDATE notes SET since = '' WHERE path = 'a.md'", ("a.md",)),
        ("UPDATE notes SET path = 'c.md' WHERE path = 'a.md'", ("c.md",)),
        ("UPDATE texts SET text = 'evil' WHERE text = 'three'", ("b.md",)),
        ("UPDATE texts SET headings = 'evil' WHERE text = 'three'", ("b.md",)),
        ("DELETE FROM texts", ("a.md", "b.md")),
        ("DELETE FROM links", ("a.md",)),
        ("DELETE FROM passages_docsize", ("a.md", "b.md")),
        ("UPDATE notes SET degree = 7", ()),
    ],
)
def test_rows_that_are_not_what_was_stored(
    engine: SqliteEngine, place: Path, change: str, found: tuple[str, ...]
) -> None:
    assert doubtful(engine) == ()
    with sqlite3.connect(place) as foreign:
        foreign.execute(change)
    foreign.close()
    assert doubtful(engine) == found


def test_text_that_is_no_text_is_damage(engine: SqliteEngine, place: Path) -> None:
    with sqlite3.connect(place) as foreign:
        foreign.execute("UPDATE texts SET text = CAST(x'ff' AS TEXT)")
    foreign.close()
    with pytest.raises(IndexBroken, match="UTF-8"):
        doubtful(engine)


def test_damaged_pages_are_told_in_one_line(engine: SqliteEngine, place: Path) -> None:
    data = bytearray(place.read_bytes())
    for at in range(2 * 4096, len(data), 4096):
        data[at : at + 64] = b"\xa5" * 64
    place.write_bytes(data)
    with pytest.raises(IndexBroken, match="damaged") as caught:
        doubtful(engine)
    assert "\n" not in caught.value.reason


def test_an_onlooker_leaves_no_trace_and_sees_what_a_killed_writer_left(engine: SqliteEngine, place: Path) -> None:
    assert doubtful(engine) == () and os.listdir(place.parent) == ["index.db"]
    writer = engine.writer("f")
    writer.put([note("late.md", "four")])
    reader = engine.onlooker()
    assert "late.md" in reader.digests(), "what stands in the journal alone"
    reader.close()
    writer.close()
    assert os.listdir(place.parent) == ["index.db"]
