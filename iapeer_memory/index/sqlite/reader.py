"""A read-only connection that answers questions. Never writes, never waits for the writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from iapeer_memory.index.port import IndexBroken
from iapeer_memory.index.records import Filter, Hit, LinkGraph, Match, Neighbour, NoteSummary
from iapeer_memory.index.sqlite import graph, question, ranking, rows, schema, seals, spelling, vectors
from iapeer_memory.index.sqlite.faults import REBUILT, translated
from iapeer_memory.index.sqlite.kept import Kept
from iapeer_memory.index.sqlite.looking import Looking
from iapeer_memory.index.sqlite.remembered import Remembered
from iapeer_memory.index.sqlite.schema import PASSAGE_BITS
from iapeer_memory.index.stems import Stemmer, forms

SHOWN_PASSAGES = 3
"""How many matching passages of a note a hit carries."""

OPENING = f"""
SELECT texts.text FROM notes JOIN texts ON texts.key = notes.edition << {PASSAGE_BITS} WHERE notes.path = ?
"""  # noqa: S608
SUMMARIES = f"SELECT {', '.join(f'notes.{name}' for name in rows.SHOWN)} FROM notes"  # noqa: S608
WORDS = 8_192
"""Words of questions whose stems are remembered."""

MOST_TIES = 64
FURTHER = 16
LEAST = 1e-9


class SqliteReader:
    """Implements `index.port.Reader`. The connection must be read-only, usable from any thread, and speak."""

    __slots__ = ("_connection", "_looking", "_path", "_remembered", "stemmer")

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self.stemmer = Stemmer(recall=self._recall, kept=WORDS)
        self._remembered = Remembered(connection)
        self._looking = Looking(connection, path, self._remembered.look)
        connection.create_function("folder", 1, rows.folded, deterministic=True)

    def snapshot(self) -> AbstractContextManager[None]:
        """All questions within it see one state of the store."""
        return self._looking

    def match(self, match: Match, *, limit: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """The best notes, one hit a note."""
        if limit < 1:
            return ()
        with self._looking:
            groups = question.groups(match, self.stemmer, lambda form: spelling.beginnings(self._connection, form))
            if not groups:
                return ()
            passages = ranking.Passages(self._connection, *question.condition(only))
            most = limit * SHOWN_PASSAGES + MOST_TIES
            if len(groups) > 1 and not match.every and self._remembered.count() > ranking.MANY:
                found = passages.best_of_any(groups, most, least=limit)
                hits, all_seen = self._hits(found, limit, LEAST)
                if all_seen:
                    return hits
            asked = (" AND " if match.every else " OR ").join(groups)
            while True:
                found = passages.best(asked, most)
                hits, all_seen = self._hits(found, limit, LEAST)
                if all_seen or len(found) < most:
                    return hits
                most *= FURTHER  # some notes have very many passages that match

    def nearest(self, vector: Sequence[float], *, limit: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """The notes whose best passage is nearest."""
        if limit < 1 or not len(vector):
            return ()
        with self._looking:
            found = vectors.nearest(self._connection, vector, limit * SHOWN_PASSAGES, *question.condition(only))
            return self._hits(((key, similarity) for similarity, key in found), limit, -1.0)[0]

    def spelled_like(self, word: str, *, limit: int) -> tuple[str, ...]:
        """Words that occur and are one edit away."""
        written = forms(word)
        with translated(self._path):
            return spelling.spelled_like(self._connection, written[0], limit) if len(written) == 1 else ()

    def spread(self, words: Sequence[str]) -> Mapping[str, int]:
        """Of each word: in how many notes its stem occurs."""
        with self._looking:
            return self._remembered.spread(words, self.stemmer.stems)

    def passages(self, hits: Sequence[Hit]) -> tuple[tuple[str, ...], ...]:
        """The texts of each hit."""
        return self._of(hits, self._remembered.texts)

    def streams(self, hits: Sequence[Hit]) -> tuple[tuple[str, ...], ...]:
        """Their stems."""
        return self._of(hits, self._remembered.streams)

    def opening(self, path: str) -> str:
        """The first passage of a note."""
        with self._looking:
            row = self._connection.execute(OPENING, (path,)).fetchone()
            return str(row[0]) if row else ""

    def find(self, name: str) -> tuple[NoteSummary, ...]:
        """Notes of that path or name."""
        with self._looking:
            return graph.find(self._connection, name)

    def neighbours(self, paths: Sequence[str], *, most: int | None = None) -> Mapping[str, tuple[Neighbour, ...]]:
        """Of each note that is linked: its neighbours, greatest degree first."""
        with self._looking:
            if most is None:
                return graph.neighbours(self._connection, paths)
            return self._remembered.neighbours(paths, most)

    def graph(self) -> LinkGraph:
        """All links."""
        with self._looking:
            return graph.whole(self._connection)

    def linked(self, paths: Iterable[str]) -> Mapping[str, int]:
        """Of each of these that is linked: how many links there are, either way."""
        with translated(self._path):
            return graph.linked(self._connection, paths)

    def statuses(self) -> Mapping[str, str]:
        """path → status of every note that has one."""
        with translated(self._path):
            return dict(self._connection.execute("SELECT path, status FROM notes WHERE status IS NOT NULL"))

    def summaries(self, only: Filter | None = None) -> Iterator[NoteSummary]:
        """Every note that may be found, by path."""
        known: dict[Any, Any] = {}
        where, values = question.condition(only)
        with translated(self._path):
            found = self._connection.execute(f"{SUMMARIES} WHERE {where or 1} ORDER BY path", values)
            for row in found:
                yield rows.summary(row, lambda value: known.setdefault(value, value))

    def count(self) -> int:
        """How many notes there are."""
        with self._looking:
            return self._remembered.count()

    def digests(self) -> Mapping[str, str]:
        """path → digest of every note."""
        with translated(self._path):
            return dict(self._connection.execute("SELECT path, digest FROM notes"))

    def doubtful(self) -> tuple[str, ...]:
        """Notes whose rows are not what was stored. Raises IndexBroken when the file's pages do not hold together."""
        with self._looking:
            damage = schema.damage(self._connection)
            if damage is not None:
                raise IndexBroken(f"the index {self._path} is damaged ({damage})", remedy=REBUILT)
            return seals.broken(self._connection)

    def interrupt(self) -> None:
        """End a running question early."""
        self._connection.interrupt()

    def close(self) -> None:
        """Let go of the file, and of all that is remembered of it."""
        self._remembered.forget()
        self.stemmer.forget()
        self._connection.close()

    def _of(self, hits: Sequence[Hit], kept: Kept) -> tuple[tuple[str, ...], ...]:
        """What is kept by key, of the places of each hit; what is empty is left out."""
        with self._looking:
            found = kept.of([key for hit in hits for key in hit.places])
            return tuple([tuple([row[0] for key in hit.places if (row := found.get(key)) and row[0]]) for hit in hits])

    def _hits(self, found: Iterable[tuple[int, float]], limit: int, least: float) -> tuple[tuple[Hit, ...], bool]:
        """One hit a note from (key, score) pairs, best first; whether further pairs could not change them."""
        scores: dict[int, float] = {}
        places: dict[int, list[int]] = {}
        lowest = 0.0
        enough = False
        for key, score in found:
            note = key >> PASSAGE_BITS
            if note not in scores:
                # Notes of equal rank are looked at beyond the limit, so that their order by path is whole.
                enough = len(scores) >= limit and (score < lowest or len(scores) >= limit + MOST_TIES)
                if enough:
                    break
                scores[note], places[note], lowest = score, [], score
            if len(places[note]) < SHOWN_PASSAGES:
                places[note].append(key)
        if not scores:
            return (), enough
        notes = self._remembered.notes.of(tuple(scores))
        hits = [
            Hit(path, title, type_, status, author, max(score, least), tuple(places[note]), backlinks)
            for note, score in scores.items()
            if note in notes
            for path, title, type_, status, author, backlinks in (notes[note],)
        ]
        hits.sort(key=lambda hit: (-hit.score, hit.path))
        return tuple(hits[:limit]), enough

    def _recall(self, form: str) -> str | None:
        """The stem of a word that occurs."""
        with self._looking:
            return spelling.stem(self._connection, form)
