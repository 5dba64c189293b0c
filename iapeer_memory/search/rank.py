"""How a note's standing moves its score. Pure.

Source of the factors: the reference core's ranking (status groups, archive ceiling, foreign agent memory).
"""

from __future__ import annotations

import math

from iapeer_memory.index.port import Hit
from iapeer_memory.vault.layout import Group, Locale

BY_GROUP: dict[Group, float] = {"active": 1.2, "pending": 0.8, "stale": 0.5}
ARCHIVED_AT_MOST = 0.5
FOREIGN_MEMORY = 0.7
ALL_WORDS = 2.0
"""A note with all words in one passage, against one that holds only some of them."""


def standing(hit: Hit, locale: Locale) -> float:
    """The factor of a note's status; in the archive never more than a stale one's."""
    group = locale.group(hit.status)
    factor = BY_GROUP[group] if group else 1.0
    return min(factor, ARCHIVED_AT_MOST) if locale.folder_of(hit.path) == "archive" else factor


def foreign(hit: Hit, locale: Locale, caller: str | None, for_curation: bool) -> float:
    """The factor of another agent's memory: a known caller's own counts for more, unless it curates."""
    if caller is None or for_curation or locale.folder_of(hit.path) != "agent_memory":
        return 1.0
    return 1.0 if hit.author is None or hit.author == caller else FOREIGN_MEMORY


def shown(score: float, best: float) -> float:
    """The score as a share of the best one, three decimals, halves up; 0 where the best is not positive."""
    return math.floor(score / best * 1000 + 0.5) / 1000 if best > 0 else 0.0
