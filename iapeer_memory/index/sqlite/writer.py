"""The one connection that changes the index. Lives in one thread; never asked questions by a search."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from iapeer_memory.index.records import NoteRecord, Passage, Unembedded
from iapeer_memory.index.sqlite import links, rows, seals, tidying, vectors
from iapeer_memory.index.sqlite.faults import translated
from iapeer_memory.index.sqlite.schema import MOST_REPEATED, NEW, PASSAGE_BITS, passage_range
from iapeer_memory.index.sqlite.transaction import changing
from iapeer_memory.index.stems import Stemmer

COLUMNS = (*rows.SHOWN, "digest", "keys", "seal", "facets", "since", "edition")
INSERT_NOTE = f"INSERT INTO notes ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
UPDATE_NOTE = f"UPDATE notes SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE id = ?"  # noqa: S608
INSERT_TEXT = "INSERT INTO texts (key, headings, text) VALUES (?, ?, ?)"
INSERT_STREAM = "INSERT INTO streams (key, stems) VALUES (?, ?)"
INSERT_PASSAGE = "INSERT INTO passages (rowid, title, headings, keys, text) VALUES (?, ?, ?, ?, ?)"
INSERT_LINK = "INSERT INTO links (source, at, target, folded, snippet, state) VALUES (?, ?, ?, ?, ?, ?)"
KNOWN = "SELECT id, edition, path, title, aliases FROM notes WHERE path = ?"
MOST_PASSAGES = 1 << PASSAGE_BITS
NO_TEXT = (Passage(""),)
"""A note without text is found by its title and keys all the same."""


class SqliteWriter:
    """Implements `index.port.Writer`. The connection must be in autocommit mode and speak (`schema.speak`)."""

    __slots__ = ("_connection", "_forms", "_model", "_path", "_stemmer")

    def __init__(
        self, connection: sqlite3.Connection, path: str, stemmer: Stemmer, forms: list[tuple[str, str]]
    ) -> None:
        """`forms`: where the stemmer puts what it learns."""
        self._connection = connection
        self._path = path
        self._stemmer = stemmer
        self._forms = forms
        self._model: str | None = None

    def digests(self, paths: Iterable[str] | None = None, *, below: str = "") -> Mapping[str, str]:
        """path → digest of every note, or of these."""
        with translated(self._path):
            if paths is not None:
                found = (
                    self._connection.execute("SELECT path, digest FROM notes WHERE path = ?", (path,)).fetchone()
                    for path in paths
                )
                return dict(row for row in found if row)
            if below:
                # "0" is the sign after "/".
                span = (below + "/", below + "0")
                return dict(
                    self._connection.execute("SELECT path, digest FROM notes WHERE path > ? AND path < ?", span)
                )
            return dict(self._connection.execute("SELECT path, digest FROM notes"))

    def count(self) -> int:
        """How many notes there are."""
        with translated(self._path):
            return int(self._connection.execute("SELECT count(*) FROM notes").fetchone()[0])

    def put(self, records: Sequence[NoteRecord]) -> None:
        """Add or replace these notes in one transaction."""
        with translated(self._path), self._changing():
            latest = {record.summary.path: record for record in records}
            edition = self._edition(len(latest))
            # FTS5 writes its cache out when a row lies before the last one: so all are taken back before any is added.
            known = {old.path: old for old in self._take_back(latest)}
            for path, record in latest.items():
                self._insert(record, edition, known.get(path))
                edition += 1

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these notes in one transaction."""
        ask = self._connection.execute
        with translated(self._path), self._changing():
            for old in self._take_back(paths):
                ask("INSERT OR IGNORE INTO touched SELECT source FROM links WHERE note = ?", (old.id,))
                ask("INSERT OR IGNORE INTO fresh SELECT source FROM links WHERE note = ?", (old.id,))
                ask("UPDATE links SET state = ?, note = NULL WHERE note = ?", (NEW, old.id))
                self._rename(old.id, old.names, ())
                ask("DELETE FROM notes WHERE id = ?", (old.id,))

    def resolve(self) -> None:
        """Resolve what links say."""
        with translated(self._path):
            links.resolve(self._connection)

    def doubtful(self) -> tuple[str, ...]:
        """Notes whose rows are not what was stored. Raises IndexBroken when the words are not those of the texts."""
        with translated(self._path):
            found = seals.broken(self._connection)
            self._connection.execute("INSERT INTO passages (passages, rank) VALUES ('integrity-check', 1)")
            return found

    def tidy(self, *, whole: bool = False) -> bool:
        """One short step of letting the words of dropped notes leave the file."""
        with translated(self._path):
            more = tidying.step(self._connection, whole=whole)
            if not more:
                self._stemmer.forget()
            return more

    def use_vectors(self, model: str | None) -> None:
        """Name what makes the vectors; those of another are dropped."""
        with translated(self._path):
            self._model = model
            if model is not None:
                with self._changing():
                    vectors.use(self._connection, model)

    def unembedded(self, limit: int) -> tuple[Unembedded, ...]:
        """Passages without a vector, oldest first."""
        with translated(self._path):
            return vectors.missing(self._connection, limit) if self._model is not None else ()

    def unembedded_count(self) -> int:
        """How many passages have no vector."""
        with translated(self._path):
            return vectors.missing_count(self._connection) if self._model is not None else 0

    def embed(self, pairs: Sequence[tuple[int, Sequence[float]]]) -> int:
        """Store (key, vector) pairs; how many of the passages still exist."""
        if self._model is None:
            return 0
        with translated(self._path), self._changing():
            return vectors.store(self._connection, pairs)

    def close(self) -> None:
        """Fold the write-ahead log in and let go of the file."""
        self._connection.close()

    def _edition(self, count: int) -> int:
        """The first of so many numbers that no passage has ever had."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = 'edition'").fetchone()
        first = int(row[0]) if row else 1
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES ('edition', ?)", (str(first + count),))
        return first

    def _take_back(self, paths: Iterable[str]) -> list[_Old]:
        """Take the passages and links of these notes away, in the order of their rows, as FTS5 likes it."""
        ask = self._connection.execute
        found = [_Old(*row) for path in paths if (row := ask(KNOWN, (path,)).fetchone())]
        found.sort(key=lambda old: old.edition)
        dropped = 0
        for old in found:
            span = passage_range(old.edition)
            old.vectors = vectors.carried(self._connection, span)
            # One row a statement: one that may change several makes FTS5 write its cache out.
            keys = ask("SELECT key FROM texts WHERE key BETWEEN ? AND ?", span).fetchall()
            self._connection.executemany("DELETE FROM passages WHERE rowid = ?", keys)
            ask("DELETE FROM texts WHERE key BETWEEN ? AND ?", span)
            ask("DELETE FROM streams WHERE key BETWEEN ? AND ?", span)
            ask("INSERT OR IGNORE INTO touched SELECT note FROM links WHERE source = ? AND note IS NOT NULL", (old.id,))
            ask("DELETE FROM links WHERE source = ?", (old.id,))
            dropped += len(keys)
        tidying.count(self._connection, dropped)
        return found

    def _insert(self, record: NoteRecord, edition: int, old: _Old | None) -> None:
        connection, stream = self._connection, self._stemmer.stream
        summary = record.summary
        passages = record.passages[:MOST_PASSAGES] or NO_TEXT
        streams = [stream(passage.text) for passage in passages]
        shown = rows.columns(summary)
        seal = rows.seal(shown, record.digest, record.keys, zip(passages, streams, strict=True), record.links)
        values = (*shown, record.digest, record.keys, seal, rows.facets(summary), rows.since(summary), edition)
        if old is None:
            note = connection.execute(INSERT_NOTE, values).lastrowid or 0
        else:
            note = old.id
            connection.execute(UPDATE_NOTE, (*values, note))
        names = rows.names(summary.path, summary.title, summary.aliases)
        if old is None or old.names != names:
            self._rename(note, old.names if old else (), names)
        first = edition << PASSAGE_BITS
        texts, words = [], []
        title, keys = stream(summary.title[:MOST_REPEATED]), stream(record.keys[:MOST_REPEATED])
        for key, (passage, stems) in enumerate(zip(passages, streams, strict=True), first):
            headings = "\n".join(passage.headings)
            texts.append((key, headings, passage.text))
            words.append((key, title, stream(headings[:MOST_REPEATED]), keys, stems))
        connection.executemany(INSERT_TEXT, texts)
        connection.executemany(INSERT_STREAM, enumerate(streams, first))
        connection.executemany(INSERT_PASSAGE, words)
        if old is not None and old.vectors and old.title == summary.title:
            vectors.carry(connection, texts, old.vectors)
        if record.links:
            connection.execute("INSERT OR IGNORE INTO fresh VALUES (?)", (note,))
            connection.executemany(
                INSERT_LINK,
                (
                    (note, at, link.target, rows.folded(rows.last(link.target.strip())), link.snippet, NEW)
                    for at, link in enumerate(record.links)
                ),
            )

    def _rename(self, note: int, before: Iterable[rows.Name], after: Iterable[rows.Name]) -> None:
        """Take names away and give others; links that say one of them are looked up again."""
        gone, come = set(before) - set(after), set(after) - set(before)
        change = self._connection.executemany
        change("DELETE FROM names WHERE folded = ? AND name = ? AND note = ?", ((f, name, note) for f, name, _ in gone))
        change("INSERT INTO names (folded, name, tier, note) VALUES (?, ?, ?, ?)", ((*name, note) for name in come))
        said = {rows.last(folded) for folded, _, _ in gone | come}
        change("INSERT OR IGNORE INTO unsettled VALUES (?)", ((folded,) for folded in said))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A transaction that also keeps the forms that the stemmer met in it."""
        try:
            with changing(self._connection):
                yield
                self._connection.executemany("INSERT OR IGNORE INTO forms VALUES (?, ?)", self._forms)
        except BaseException:
            self._stemmer.forget()
            raise
        finally:
            self._forms.clear()


class _Old:
    """What was known of a note before it is put again or forgotten."""

    __slots__ = ("edition", "id", "names", "path", "title", "vectors")

    def __init__(self, note: int, edition: int, path: str, title: str, aliases: str) -> None:
        self.id = note
        self.edition = edition
        self.path = path
        self.title = title
        self.names = rows.names(path, title, rows.unlisted(aliases))
        self.vectors: vectors.Carried = {}
