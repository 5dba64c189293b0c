"""The one connection that changes the index. Lives in one thread; never asked questions by a search."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from iapeer_memory.index.port import NoteRecord
from iapeer_memory.index.sqlite.faults import translated
from iapeer_memory.index.sqlite.schema import PASSAGE_BITS, passage_range

COLUMNS = (
    "path", "title", "type", "subtype", "status", "description", "tags", "author", "coauthors", "created", "updated",
    "digest",
)  # fmt: skip
INSERT_NOTE = f"INSERT INTO notes ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
INSERT_PASSAGE = "INSERT INTO passages (rowid, title, keys, text) VALUES (?, ?, ?, ?)"
MOST_PASSAGES = 1 << PASSAGE_BITS


class SqliteWriter:
    """Implements `index.port.Writer`. The connection must be in autocommit mode."""

    __slots__ = ("_connection", "_path")

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def digests(self) -> Mapping[str, str]:
        """path → digest of every note."""
        with translated(self._path):
            return dict(self._connection.execute("SELECT path, digest FROM notes"))

    def put(self, records: Sequence[NoteRecord]) -> None:
        """Add or replace these notes in one transaction."""
        with translated(self._path), _Transaction(self._connection):
            self._drop(record.path for record in records)
            for record in {record.path: record for record in records}.values():
                self._insert(record)

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these notes in one transaction."""
        with translated(self._path), _Transaction(self._connection):
            self._drop(paths)

    def close(self) -> None:
        """Fold the write-ahead log in and let go of the file."""
        self._connection.close()

    def _drop(self, paths: Iterable[str]) -> None:
        """Drop notes in the order of their rows, one row a statement.

        FTS5 writes its cache to the disk, which takes most of the time, when a row lies before the last one and when
        a statement may change several rows. That is also why `put` drops all before it adds any.
        """
        ask = self._connection.execute
        found = (ask("SELECT id FROM notes WHERE path = ?", (path,)).fetchone() for path in paths)
        for note in sorted({row[0] for row in found if row}):
            rows = ask("SELECT rowid FROM passages WHERE rowid BETWEEN ? AND ?", passage_range(note)).fetchall()
            self._connection.executemany("DELETE FROM passages WHERE rowid = ?", rows)
            ask("DELETE FROM notes WHERE id = ?", (note,))

    def _insert(self, record: NoteRecord) -> None:
        values = (
            record.path, record.title, record.type, record.subtype, record.status, record.description,
            _list(record.tags), record.author, _list(record.coauthors), record.created, record.updated, record.digest,
        )  # fmt: skip
        note = self._connection.execute(INSERT_NOTE, values).lastrowid or 0
        first = note << PASSAGE_BITS
        texts = [p.text for p in record.passages[:MOST_PASSAGES]] or [""]
        rows = ((first + at, record.title, record.keys, text) for at, text in enumerate(texts))
        self._connection.executemany(INSERT_PASSAGE, rows)


def _list(items: tuple[str, ...]) -> str:
    return json.dumps(items, ensure_ascii=False)


class _Transaction:
    """Commit at the end, roll back on any way out that is not the end."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
