"""The best of the passages that match. Read only.

To weigh a passage costs far more than to find it, and a common word is in very many. What a word adds to a score is
less than its rarity times a constant; so where enough passages with a rarer word score more than the common words
together ever could, the passages that hold nothing else are not weighed. What is found is the same, to the last one.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from iapeer_memory.index.sqlite.schema import PASSAGE_BITS, RANK

Ranked = list[tuple[int, float]]
"""(key of a passage, score), best first."""

MANY = 2_000
"""Passages that are weighed without a thought."""

SATURATION = 2.2
"""How many times its rarity a word adds at most: k1 + 1 of FTS5's bm25."""

BOLD = 1.75
"""How many times the rarity of the rarest words the best passages are expected to score at least. A lower figure leaves
fewer words out; a higher one is wrong more often, and then all is weighed after all."""

# Sorted by SQLite, which keeps the best only; FTS5's own `rank` would sort all that match.
RANKED = f"SELECT rowid, -{RANK} AS score FROM passages WHERE passages MATCH ?"  # noqa: S608
CHOSEN = f" AND passages.rowid >> {PASSAGE_BITS} IN (SELECT edition FROM notes WHERE "  # noqa: S608
BEST = " ORDER BY score DESC LIMIT ?"

HOLDERS = "SELECT count(*) FROM passages WHERE passages MATCH ?"
ALL = "SELECT count(*) FROM passages_docsize"
QUOTE = '"'


@dataclass(frozen=True, slots=True)
class Passages:
    """Those that may be found: `where`, a condition on `notes`, and its `values`; all where it is empty."""

    connection: sqlite3.Connection
    where: str
    values: tuple[str, ...]

    def best(self, asked: str, most: int) -> Ranked:
        """The best of those that match an expression."""
        chosen = f"{CHOSEN}{self.where})" if self.where else ""
        found: Ranked = self.connection.execute(f"{RANKED}{chosen}{BEST}", (asked, *self.values, most)).fetchall()
        return found

    def best_of_any(self, groups: Sequence[str], most: int, *, least: int) -> Ranked:
        """The best of those that hold any of these, as far as they are known without weighing all; [] where that saves
        little. `least`: how many are wanted."""
        ask = self.connection.execute
        counted = sorted((ask(HOLDERS, (group,)).fetchone()[0], group) for group in groups)
        if sum(count for count, _ in counted) <= MANY:
            return []
        leading, common, bound = parted(counted, ask(ALL).fetchone()[0], least)
        if not common:
            return []
        rarer = " OR ".join(leading)
        found = dict(self.best(rarer, most))
        found.update(self.best(f"({rarer}) AND ({' OR '.join(common)})", most))
        sure = [row for row in found.items() if row[1] > bound]
        return sorted(sure, key=lambda row: (-row[1], row[0]))[:most]


def parted(counted: Sequence[tuple[int, str]], passages: int, least: int) -> tuple[list[str], list[str], float]:
    """The groups of which a passage has to hold one, the common ones that it may hold too, and what these add at most.
    `counted`: the groups, each with how many passages hold it, the rarest first."""
    leading = [group for _, group in counted]
    common: list[str] = []
    bound = 0.0
    together = accumulate(count for count, _ in counted)
    enough = next((count for (count, _), so_far in zip(counted, together, strict=True) if so_far >= least), passages)
    while len(leading) > 1:
        count, group = counted[len(leading) - 1]
        adds = SATURATION * rarity(count, passages)
        if not _one(group) or bound + adds > BOLD * rarity(enough, passages):
            break
        bound += adds
        common.append(leading.pop())
    return leading, common, bound


def rarity(holders: int, passages: int) -> float:
    """What FTS5's bm25 counts a phrase by that so many of all passages hold."""
    return max(math.log((passages - holders + 0.5) / (holders + 0.5)), 1e-6)


def _one(group: str) -> bool:
    """Whether a group is one phrase: of alternatives it is not known how many hold each."""
    return group.startswith(QUOTE) and group.endswith(QUOTE)
