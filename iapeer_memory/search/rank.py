"""How a note's standing moves its score, and in what order notes come. Pure.

Source of the factors: the reference core's ranking (status groups, archive ceiling, foreign agent memory, hubs,
reciprocal rank fusion).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from iapeer_memory.vault.layout import Group, Locale

BY_GROUP: dict[Group, float] = {"active": 1.2, "pending": 0.8, "stale": 0.5}
ARCHIVED_AT_MOST = 0.5
FOREIGN_MEMORY = 0.7
PREFERRED = 1.15
"""The factor of a note in a folder that the session prefers: as much as a hub's, less than an active status's."""
HUB_FROM = 5
HUB = 1.15
"""A note that this many others link to, and its factor."""

FUSION = 60
"""The constant of reciprocal rank fusion: the greater, the less the first places count for."""


def standing(path: str, status: str | None, locale: Locale) -> tuple[float, bool]:
    """The factor of a note's status, in the archive never more than a stale one's; and whether the note is superseded
    by its status or its place."""
    group = locale.group(status)
    factor = BY_GROUP[group] if group else 1.0
    if locale.folder_of(path) == "archive":
        return min(factor, ARCHIVED_AT_MOST), True
    return factor, group == "stale"


def stale(path: str, status: str | None, locale: Locale) -> bool:
    """Whether a note is superseded by its status or its place."""
    return standing(path, status, locale)[1]


def foreign(path: str, author: str | None, locale: Locale, caller: str | None) -> float:
    """The factor of another agent's memory: a known caller's own counts for more."""
    if caller is None or locale.folder_of(path) != "agent_memory":
        return 1.0
    whose = locale.owner_of(path) or author
    return 1.0 if whose is None or whose == caller else FOREIGN_MEMORY


def preferred(path: str, folders: Sequence[str]) -> float:
    """The factor of the folders that a session prefers, vault-relative; once, however many of them hold the note."""
    return PREFERRED if any(path.startswith(f"{folder}/") for folder in folders) else 1.0


def fused(lists: Sequence[Sequence[str]], *, constant: int = FUSION) -> Mapping[str, float]:
    """Of each path: the sum of 1 / (constant + its rank) over the lists, ranks from 1."""
    scores: dict[str, float] = {}
    for ranked in lists:
        for at, path in enumerate(dict.fromkeys(ranked), 1):
            scores[path] = scores.get(path, 0.0) + 1 / (constant + at)
    return scores


def shown(score: float, best: float) -> float:
    """The score as a share of the best one, three decimals, halves up; 0 where the best is not positive."""
    return math.floor(score / best * 1000 + 0.5) / 1000 if best > 0 else 0.0
