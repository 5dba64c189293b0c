"""The stems of passages that were lately looked at, so that the same text is not stemmed for every question."""

from __future__ import annotations

from iapeer_memory.index.stems import Stemmer

KEPT = 2_048
"""Passages remembered: some 4 MB."""

LONGEST = 8_000
"""Characters of a passage that is remembered."""


class Streams:
    """A text (its hash) → its stems in a row, blanks between. Forgets what it has known longest. One thread."""

    __slots__ = ("_kept", "_known", "_stemmer")

    def __init__(self, stemmer: Stemmer, *, kept: int = KEPT) -> None:
        self._stemmer = stemmer
        self._kept = kept
        self._known: dict[int, str] = {}

    def of(self, text: str) -> str:
        """The stems of a text."""
        key = hash(text)
        known = self._known.get(key)
        if known is None:
            known = self._stemmer.stream(text)
            if len(text) <= LONGEST:
                if len(self._known) >= self._kept:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = known
        return known
