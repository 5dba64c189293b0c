"""A note on its way to the results. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from iapeer_memory.index.records import Hit
from iapeer_memory.search import rank

PATH, SCORE = attrgetter("path"), attrgetter("score")


class Candidate(NamedTuple):
    """A note on its way to the results. `stale`: superseded. `bare`: the score without the factors of its standing.
    `hit`: None where it came by a link."""

    path: str
    title: str
    type: str | None
    status: str | None
    author: str | None
    backlinks: int
    stale: bool
    score: float
    bare: float
    hit: Hit | None = None

    def scored(self, score: float) -> Candidate:
        """The same with another score."""
        return Candidate(*self[:7], score, *self[8:])


def hub(candidate: Candidate) -> Candidate:
    """The same with the score of a hub, if it is one."""
    return candidate.scored(candidate.score * rank.HUB) if candidate.backlinks >= rank.HUB_FROM else candidate


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The greatest score first, ties by path."""
    return sorted(sorted(candidates, key=PATH), key=SCORE, reverse=True)
