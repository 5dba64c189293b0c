"""A read-only connection that answers questions. Never writes, never waits for the writer."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from iapeer_memory.index.port import Hit, Match, NoteSummary, Word
from iapeer_memory.index.sqlite.faults import translated
from iapeer_memory.index.sqlite.schema import PASSAGE_BITS, RANK, passage_range

SHOWN_PASSAGES = 3
"""How many matching passages of a note a hit carries."""

MATCHES = f"SELECT rowid, rank FROM passages WHERE passages MATCH ? AND rank MATCH '{RANK}' ORDER BY rank"  # noqa: S608
HITS = "SELECT id, path, title, type, status, author FROM notes WHERE id IN"
MOST_TIES = 64
LEAST = 1e-9
SUMMARIES = (
    "SELECT path, title, type, subtype, status, description, tags, author, coauthors, created, updated "
    "FROM notes ORDER BY path"
)


class SqliteReader:
    """Implements `index.port.Reader`. The connection must be read-only and usable from any thread."""

    __slots__ = ("_connection", "_path")

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def match(self, match: Match, *, limit: int) -> tuple[Hit, ...]:
        """The best notes, one hit a note."""
        question = expression(match)
        if not question or limit < 1:
            return ()
        with translated(self._path):
            self._connection.execute("BEGIN")  # one snapshot for all statements of the answer
            try:
                return self._hits(question, limit)
            finally:
                self._connection.execute("COMMIT")

    def _hits(self, question: str, limit: int) -> tuple[Hit, ...]:
        scores: dict[int, float] = {}
        places: dict[int, list[int]] = {}
        lowest = 0.0
        for rowid, rank in self._connection.execute(MATCHES, (question,)):
            note = rowid >> PASSAGE_BITS
            if note not in scores:
                # Notes of equal rank are looked at beyond the limit, so that their order by path is whole.
                if len(scores) >= limit and (rank > lowest or len(scores) >= limit + MOST_TIES):
                    break
                scores[note], places[note], lowest = -rank, [], rank
            if len(places[note]) < SHOWN_PASSAGES:
                places[note].append(rowid)
        marks = ",".join("?" * len(scores))
        rows = self._connection.execute(f"{HITS} ({marks})", tuple(scores))
        hits = [
            Hit(path, title, type_, status, author, max(scores[note], LEAST), tuple(places[note]))
            for note, path, title, type_, status, author in rows
        ]
        hits.sort(key=lambda hit: (-hit.score, hit.path))
        return tuple(hits[:limit])

    def texts(self, hit: Hit) -> tuple[str, ...]:
        """The passages of a hit."""
        with translated(self._path):
            return tuple(text for text in map(self._text, hit.places) if text)

    def _text(self, rowid: int) -> str:
        row = self._connection.execute("SELECT text FROM passages WHERE rowid = ?", (rowid,)).fetchone()
        return str(row[0]) if row else ""

    def opening(self, path: str) -> str:
        """The first passage of a note."""
        with translated(self._path):
            row = self._connection.execute("SELECT id FROM notes WHERE path = ?", (path,)).fetchone()
            return self._text(passage_range(row[0])[0]) if row else ""

    def summaries(self) -> tuple[NoteSummary, ...]:
        """Every note, by path."""
        with translated(self._path):
            return tuple(_summary(row) for row in self._connection.execute(SUMMARIES))

    def count(self) -> int:
        """How many notes there are."""
        with translated(self._path):
            return int(self._connection.execute("SELECT count(*) FROM notes").fetchone()[0])

    def interrupt(self) -> None:
        """End a running question early."""
        self._connection.interrupt()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _summary(row: tuple[Any, ...]) -> NoteSummary:
    """A row of SUMMARIES; its lists are JSON."""
    path, title, type_, subtype, status, description, tags, author, coauthors, created, updated = row
    return NoteSummary(
        path=path,
        title=title,
        type=type_,
        subtype=subtype,
        status=status,
        description=description,
        tags=tuple(json.loads(tags)),
        author=author,
        coauthors=tuple(json.loads(coauthors)),
        created=created,
        updated=updated,
    )


def expression(match: Match) -> str:
    """The question in FTS5's language: every word is a quoted string, so nothing in it is syntax."""
    terms = [_term(word) for word in match.words]
    return (" AND " if match.every else " OR ").join(term for term in terms if term)


def _term(word: Word) -> str:
    text = word.text.replace("\0", " ").strip()
    if not text:
        return ""
    return '"' + text.replace('"', '""') + ('"*' if word.prefix else '"')
