"""A note on its way to the results. Pure."""

from __future__ import annotations

from typing import NamedTuple

from iapeer_memory.index.port import Hit
from iapeer_memory.search import rank


class Candidate(NamedTuple):
    """A note on its way to the results. `bare`: the score without the factors of its standing. `hit`: None where it
    came by a link."""

    path: str
    title: str
    type: str | None
    status: str | None
    author: str | None
    backlinks: int
    score: float
    bare: float
    hit: Hit | None = None

    def scored(self, score: float) -> Candidate:
        """The same with another score."""
        return Candidate(*self[:6], score, *self[7:])


def candidate_of(hit: Hit, score: float) -> Candidate:
    """What the engine has found, with that score."""
    return Candidate(hit.path, hit.title, hit.type, hit.status, hit.author, hit.backlinks, score, score, hit)


def hub(candidate: Candidate) -> Candidate:
    """The same with the score of a hub, if it is one."""
    return candidate.scored(candidate.score * rank.HUB) if candidate.backlinks >= rank.HUB_FROM else candidate


def best_first(candidate: Candidate) -> tuple[float, str]:
    """The key that candidates are sorted by."""
    return -candidate.score, candidate.path
