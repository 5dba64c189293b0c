"""What a reader has counted and read, for as long as nothing changes. Of notes and words, never of questions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from iapeer_memory.index.records import Neighbour
from iapeer_memory.index.sqlite import graph, spelling
from iapeer_memory.index.sqlite.kept import Kept

MOST_SPREADS = 4_096
"""Words of which it is remembered in how many notes they occur."""

MOST_NEAR = 1_024
"""Notes of which it is remembered what they are linked with."""

MOST_NOTES, MOST_TEXTS, MOST_STREAMS = 1 << 20, 2 << 20, 3 << 20
"""Bytes that are remembered of what notes are called, of their passages, and of the stems of these: most of it, in a
vault of a thousand notes."""

NOTES = "SELECT edition, path, title, type, status, author, backlinks FROM notes WHERE edition IN"
TEXTS = "SELECT key, text FROM texts WHERE key IN"
STREAMS = "SELECT key, stems FROM streams WHERE key IN"


class Remembered:
    """One connection's. `notes`: by edition (path, title, type, status, author, backlinks); `texts` and `streams`: by
    passage. `look` comes first within a transaction, and every other method after it."""

    __slots__ = ("_connection", "_count", "_near", "_spreads", "_version", "notes", "streams", "texts")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = -1
        self._count: int | None = None
        self._spreads: dict[str, int] = {}
        self._near: dict[tuple[str, int], tuple[Neighbour, ...]] = {}
        self.notes = Kept(connection, NOTES, MOST_NOTES)
        self.texts = Kept(connection, TEXTS, MOST_TEXTS)
        self.streams = Kept(connection, STREAMS, MOST_STREAMS)

    def look(self) -> None:
        """Forget all of it once the store has changed."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self.forget()

    def forget(self) -> None:
        """Remember nothing."""
        self._count = None
        for known in (self._spreads, self._near):
            known.clear()
        for kept in (self.notes, self.texts, self.streams):
            kept.forget()

    def count(self) -> int:
        """How many notes there are."""
        if self._count is None:
            self._count = int(self._connection.execute("SELECT count(*) FROM notes").fetchone()[0])
        return self._count

    def spread(self, words: Sequence[str], stems_of: Callable[[str], tuple[str, ...]]) -> Mapping[str, int]:
        """Of each word: in how many notes its stem occurs."""
        known = self._spreads
        new = [word for word in words if word not in known]
        if len(known) + len(new) > MOST_SPREADS:
            known.clear()
            new = list(words)
        known.update((word, spelling.spread(self._connection, stems_of(word))) for word in new)
        return {word: known[word] for word in words}

    def neighbours(self, paths: Sequence[str], most: int) -> Mapping[str, tuple[Neighbour, ...]]:
        """Of each note that is linked: its greatest neighbours."""
        known = self._near
        new = [path for path in paths if (path, most) not in known]
        if len(known) + len(new) > MOST_NEAR:
            known.clear()
            new = list(paths)
        if new:
            found = graph.nearest(self._connection, new, most)
            known.update(((path, most), found.get(path, ())) for path in new)
        return {path: near for path in paths if (near := known[path, most])}
