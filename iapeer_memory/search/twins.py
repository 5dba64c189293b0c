"""A note and its outdated twin: two notes of one name, of which one is superseded. The current one comes first.

Pure. Notes that differ in a number of their titles (a date, a year) are no twins; those that differ in a version are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from iapeer_memory.index.stems import Stemmer, forms
from iapeer_memory.search.query import COMMON

ALIKE = 0.75
"""The share of words that two titles have in common, from which they name one thing."""

VERSION = re.compile(r"\bv\.?\s?\d+(?:\.\d+)*\b|\b\d+(?:\.\d+)+\b", re.IGNORECASE)
OF_AGE = """
archive archived deprecated draft final former legacy new obsolete old outdated previous revised superseded updated
version архив копия новая новое новый обновленный прежний старая старое старый устарел устарела устарело устаревшая
устаревшее устаревший версия черновик
"""
AGE = frozenset(forms(OF_AGE))


class Standing(NamedTuple):
    """A ranked note, as far as twins go. `name`: the words of its title that tell what it is about."""

    path: str
    name: frozenset[str]
    stale: bool


def name_of(title: str, stemmer: Stemmer) -> frozenset[str]:
    """The stems of a title without versions, common words and words of age; all of them where nothing else is left."""
    words = [word for word in forms(VERSION.sub(" ", title)) if word not in AGE and word not in COMMON]
    return frozenset(stemmer.stems(" ".join(words) or title))


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two names are of one thing."""
    return not one.isdisjoint(other) and len(one & other) / len(one | other) >= ALIKE


def ordered(notes: Sequence[Standing]) -> tuple[str, ...]:
    """The paths in order, every current note moved to just before the first of its superseded twins."""
    result: list[str] = []
    outdated: list[Standing] = []
    for note in notes:
        at = len(result)
        if note.stale:
            outdated.append(note)
        elif twin := next((other for other in outdated if alike(other.name, note.name)), None):
            at = result.index(twin.path)
        result.insert(at, note.path)
    return tuple(result)
