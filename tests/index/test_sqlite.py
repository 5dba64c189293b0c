"""The embedded engine: the contract, its file's mode, and files that it must not trust."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import UnsafePath
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.port import Engine, IndexBroken, IndexFailed
from iapeer_memory.index.sqlite.engine import SqliteEngine
from tests.support.records import filled, note


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "index.db"


@pytest.fixture
def engine(place: Path) -> SqliteEngine:
    return SqliteEngine(RealFiles(), str(place), uid=os.getuid())


def reference_index(path: Path) -> None:
    with sqlite3.connect(path) as foreign:
        foreign.execute("PRAGMA journal_mode = WAL")
        foreign.execute("CREATE TABLE documents (path TEXT PRIMARY KEY, title TEXT)")
        foreign.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        foreign.execute("INSERT INTO documents VALUES ('a.md', 'A')")
    foreign.close()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 500)


def torn(path: Path) -> None:
    filled(SqliteEngine(RealFiles(), str(path), uid=os.getuid()), *(note(f"{n}.md", "x " * 500) for n in range(200)))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 * 2] = b"\xa5" * (len(data) // 3)
    path.write_bytes(bytes(data))


def older(path: Path) -> None:
    filled(SqliteEngine(RealFiles(), str(path), uid=os.getuid()), note("a.md", "x"))
    with sqlite3.connect(path) as ours:
        ours.execute("PRAGMA user_version = 999")
    ours.close()


@pytest.mark.parametrize("spoil", [reference_index, garbage, torn, older])
def test_what_is_not_ours_or_damaged_is_told_and_can_be_rebuilt(
    engine: Engine, place: Path, spoil: Callable[[Path], None]
) -> None:
    place.parent.mkdir()
    spoil(place)
    with pytest.raises(IndexBroken):
        engine.writer("f")
    engine.reset()
    assert os.listdir(place.parent) == []
    filled(engine, note("a.md", "x"))
    reader = engine.reader()
    assert reader.count() == 1
    reader.close()


def test_nobody_else_may_read_it_or_what_lies_beside_it(engine: Engine, place: Path) -> None:
    old = os.umask(0)
    try:
        writer = engine.writer("f")
        writer.put([note("a.md", "secret")])
    finally:
        os.umask(old)
    beside = os.listdir(place.parent)
    assert {"index.db", "index.db-wal", "index.db-shm"} <= set(beside)
    for name in beside:
        assert stat.S_IMODE((place.parent / name).stat().st_mode) == 0o600, name
    writer.close()


def test_a_link_in_its_place_is_refused_and_its_target_kept(engine: Engine, place: Path, tmp_path: Path) -> None:
    place.parent.mkdir()
    target = tmp_path / "precious"
    target.write_text("mine")
    place.symlink_to(target)
    for act in (lambda: engine.writer("f"), engine.reader, engine.reset):
        with pytest.raises(UnsafePath):
            act()
    assert target.read_text() == "mine"


def test_a_reader_without_a_store_says_so(engine: Engine) -> None:
    with pytest.raises(IndexFailed):
        engine.reader()


def test_a_disk_of_another_host_is_refused(place: Path) -> None:
    engine = SqliteEngine(RealFiles(), str(place), uid=os.getuid(), shared=lambda path: "nfs4")
    for act in (lambda: engine.writer("f"), engine.reader):
        with pytest.raises(IndexFailed, match="nfs4"):
            act()
    assert not place.exists()


@pytest.mark.parametrize(
    ("change", "doubtful"),
    [
        ("UPDATE notes SET status = 'other' WHERE path = 'b.md'", ("b.md",)),
        ("UPDATE notes SET digest = 'x' WHERE path = 'a.md'", ("a.md",)),
        ("UPDATE links SET target = 'evil' WHERE at = 0", ("a.md",)),
        ("DELETE FROM links", ("a.md",)),
        ("UPDATE notes SET degree = 7, backlinks = 7", ()),
        ("UPDATE texts SET text = text || ' evil'", ("a.md", "b.md")),
        ("UPDATE streams SET stems = stems || ' evil'", None),
        ("DELETE FROM texts", None),
        ("UPDATE notes SET title = 'evil'", None),
        ("DELETE FROM passages_docsize", None),
    ],
)
def test_rows_that_somebody_else_changed_are_found(
    engine: SqliteEngine, place: Path, change: str, doubtful: tuple[str, ...] | None
) -> None:
    filled(engine, note("a.md", "one|two", links=["b"]), note("b.md", "three", title="B"))
    with sqlite3.connect(place) as foreign:
        foreign.execute(change)
    foreign.close()
    writer = engine.writer("f")
    if doubtful is None:
        with pytest.raises(IndexBroken):
            writer.doubtful()
    else:
        assert writer.doubtful() == doubtful
    writer.close()


def test_words_of_a_dropped_note_leave_the_file(engine: SqliteEngine, place: Path) -> None:
    secret = "zyxwvutsrqponm"
    filled(engine, *(note(f"{n}.md", f"common words {n}") for n in range(20)), note("s.md", secret, title=secret))
    writer = engine.writer("f")
    writer.put([note("s.md", f"{secret} again {secret}lmnop", digest="e")])
    writer.forget(["s.md"])
    writer.resolve()
    assert not writer.tidy()
    steps = 1
    while writer.tidy(whole=True):
        steps += 1
        assert steps < 100
    assert writer.doubtful() == ()
    writer.close()
    assert [p.name for p in place.parent.iterdir()] == ["index.db"]
    data = place.read_bytes()
    assert b"common" in data
    assert secret.encode() not in data


def test_a_large_index_tidies_by_itself(engine: SqliteEngine) -> None:
    writer = engine.writer("f")
    for edition in range(3):
        writer.put([note(f"{n}.md", f"text {edition}", digest=str(edition)) for n in range(600)])
    assert writer.tidy()
    while writer.tidy():
        pass
    assert not writer.tidy(whole=True)
    assert writer.doubtful() == ()
    writer.close()
