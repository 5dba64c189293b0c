"""What titles say, worked out once. Knows no note, only its title."""

from __future__ import annotations

from iapeer_memory.index.stems import Stemmer
from iapeer_memory.search import twins

MOST = 2_048
"""Titles that are remembered."""


class Titles:
    """Stems and names of titles. One thread at a time."""

    __slots__ = ("_names", "_stems", "stemmer")

    def __init__(self, stemmer: Stemmer) -> None:
        self.stemmer = stemmer
        self._stems: dict[str, str] = {}
        self._names: dict[str, frozenset[str]] = {}

    def stems(self, title: str) -> str:
        """Its stems in a row, blanks between."""
        known = self._stems
        if title not in known:
            if len(known) >= MOST:
                known.clear()
            known[title] = self.stemmer.stream(title)
        return known[title]

    def name(self, title: str) -> frozenset[str]:
        """The stems that tell what it is about (`twins.name_of`)."""
        known = self._names
        if title not in known:
            if len(known) >= MOST:
                known.clear()
            known[title] = twins.name_of(title, self.stemmer)
        return known[title]
