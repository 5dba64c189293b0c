"""The piece of a note that answers: the densest window of its passages, matched words in brackets. Pure.

Source of the sizes and marks: the reference core's result item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iapeer_memory.index.stems import Stemmer, composed

WINDOW = 240
LEAD = 40
ENOUGH = 2
"""Different words in one window after which no further passage is looked at: the first is the best as a whole."""

SCANNED = 20_000
"""Characters of a passage that are looked at."""

SHELL = {"en": "(this note has a title only)", "ru": "(в этой заметке есть только заголовок)"}

TAIL = r"[\w\u0300-\u036f]*"
REST = re.compile(TAIL)
FOREIGN = re.compile("[\u00c0-\u03ff\u0530-\u1fff\u2c00-\ud7ff\uf900-\ufdff]")
"""Cheap to look for: without them, no word of a text is without blanks or with marks."""

MARKED = re.compile(rf"(?<!\w)\w*?(?:[^\W\x00-\x7fЀ-ӿ]|[\u0300-\u036f]){TAIL}")
"""A word of such a text. Any other word, or part of one, begins as its stem does."""

SHORTEST = 2
"""Letters of a stem from which on its last one may be another than its word's: `tries` and `try` are `tri`."""

MARKUP = re.compile(r"#{1,6}[ \t]+.*|```.*|~~~.*|-{3,}|\*{3,}")
MARKS = frozenset("#`~-* \t")
"""What a line of markup begins with."""


class Mark(NamedTuple):
    """A word to mark: where it begins and ends, and which of the question's words it stands for."""

    start: int
    end: int
    which: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What is marked. `of`: which of the question's words a stem stands for. `begins`: so for beginnings."""

    of: Mapping[str, int]
    begins: tuple[tuple[str, int], ...] = ()

    def which(self, stems: Sequence[str]) -> int | None:
        """Which of the question's words one with these stems stands for; None for none."""
        for stem in stems:
            if stem in self.of:
                return self.of[stem]
        return next((which for start, which in self.begins for stem in stems if stem.startswith(start)), None)


class Marker:
    """Finds the words of one question in texts; what a word is, it works out once."""

    __slots__ = ("_heads", "_known", "_stemmer", "_terms")

    def __init__(self, terms: Terms, stemmer: Stemmer) -> None:
        self._terms = terms
        self._stemmer = stemmer
        self._known: dict[str, int | None] = {}
        starts = (*terms.of, *(start for start, _ in terms.begins))
        self._heads = {start[: max(SHORTEST, len(start) - 1)] for start in starts}

    def marks(self, text: str) -> list[Mark]:
        """Where they stand in a composed text."""
        known = self._known
        ends = self._begun(text)
        if self._heads and not text.isascii() and FOREIGN.search(text):
            ends.update(word.span() for word in MARKED.finditer(text))
        found = []
        for start, end in sorted(ends.items()):
            name = text[start:end]
            if name not in known:
                known[name] = self._which(name)
            which = known[name]
            if which is not None:
                found.append(Mark(start, end, which))
        return found

    def _begun(self, text: str) -> dict[int, int]:
        """Where words begin and end that begin, or have a part that begins, like one that is looked for."""
        low = text.lower()
        if len(low) != len(text):
            low = "".join(char.lower()[0] for char in text)
        low = low.replace("ё", "е")
        ends: dict[int, int] = {}
        for head in self._heads:
            at = low.find(head)
            while at >= 0:
                before = low[at - 1] if at else " "
                if not before.isalpha() or text[at].isupper() or text[at].isdecimal():
                    start = at
                    while start and (low[start - 1].isalnum() or low[start - 1] == "_"):
                        start -= 1
                    ends[start] = REST.match(text, at).end()  # type: ignore[union-attr]
                at = low.find(head, at + 1)
        return ends

    def _which(self, name: str) -> int | None:
        return self._terms.which(self._stemmer.stream(name).split())


def snippet(passages: Sequence[str], marker: Marker, *, opening: str, locale: str) -> str:
    """One line: the best window over these passages, or the start of the first of them (else of the opening) where
    none holds a term. `locale`: the language in which an empty note is called empty."""
    best: tuple[tuple[int, int, int, int], str, list[Mark]] | None = None
    plain = ""
    for order, passage in enumerate(passages):
        if best is not None and best[0][0] >= ENOUGH:
            break
        text = _prose(passage)
        plain = plain or text
        marks = marker.marks(text)
        for start, distinct, count in _windows(marks):
            rank = (distinct, count, -order, -start)
            if best is None or rank > best[0]:
                best = rank, text, marks
    if best is not None:
        return _cut(best[1], max(0, -best[0][3] - LEAD), best[2])
    plain = plain or _prose(opening)
    return _cut(plain, 0, []) if plain else SHELL.get(locale, SHELL["en"])


def _prose(text: str) -> str:
    """The passage on one line, composed, without headings and rules."""
    lines = composed(text[:SCANNED]).split("\n")
    kept = [line for line in lines if line and (line[0] not in MARKS or not MARKUP.fullmatch(line.strip(" \t")))]
    whole = " ".join(kept)
    # Most passages are neat by now. No blank but the ordinary one is printable.
    return whole.strip() if whole.isprintable() and "  " not in whole else " ".join(whole.split())


def _windows(marks: Sequence[Mark]) -> Iterator[tuple[int, int, int]]:
    """(start, distinct terms, hits) of the window that begins at each mark."""
    starts, ends, which = zip(*marks, strict=True) if marks else ((), (), ())
    end = 0
    for at, start in enumerate(starts):
        while end < len(ends) and ends[end] <= start + WINDOW - LEAD:
            end += 1
        inside = which[at : max(end, at + 1)]
        yield start, len(set(inside)), len(inside)


def _cut(text: str, start: int, marks: Sequence[Mark]) -> str:
    """240 characters from about there, at word edges, with `…` where something was cut and marks around the words."""
    if start:
        edge = text.find(" ", start)
        start = edge + 1 if 0 <= edge < start + LEAD else start
    end = min(len(text), start + WINDOW)
    if end < len(text):
        edge = text.rfind(" ", start + WINDOW // 2, end)
        end = edge if edge > 0 else end
    parts: list[str] = []
    at = start
    for mark in marks:
        if mark.start >= at and mark.end <= end:
            parts += [text[at : mark.start], "[", text[mark.start : mark.end], "]"]
            at = mark.end
    parts.append(text[at:end])
    return ("… " if start else "") + "".join(parts).strip() + (" …" if end < len(text) else "")
