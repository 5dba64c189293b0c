"""The neighbours of notes, as one search looks at them. Pure over the index port."""

from __future__ import annotations

from collections.abc import Iterable

from iapeer_memory.index.port import Neighbour, Reader
from iapeer_memory.search.candidate import Candidate

NEIGHBOURS = 16
"""Neighbours of a note that are looked at."""


class Around:
    """Neighbours of notes, greatest first, each once; what was asked once is remembered."""

    __slots__ = ("_known", "_reader")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, list[Neighbour]] = {}

    def of(self, notes: Iterable[Candidate]) -> list[list[Neighbour]]:
        """The neighbours of each."""
        paths = [one.path for one in notes]
        known = self._known
        new = [path for path in paths if path not in known]
        found = self._reader.neighbours(new, most=NEIGHBOURS)
        for path in new:
            once: dict[str, Neighbour] = {}
            for end in found.get(path, ()):  # a note that is linked both ways stands there twice
                once.setdefault(end.path, end)
            known[path] = list(once.values())
        return [known[path] for path in paths]
