"""Where the notes that were found stand among each other: by status and place, by whose memory they are, by links, and
by twins. Pure; what a factor is worth is said in `search.rank`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from iapeer_memory.index.records import Hit, Neighbour
from iapeer_memory.search import rank, twins
from iapeer_memory.search.candidate import Candidate
from iapeer_memory.search.titles import Titles
from iapeer_memory.vault.layout import Locale

JOINED = 3
"""Neighbours that a note brings in."""

NEIGHBOUR = 0.4
"""What a neighbour's score is of the note's that brought it in."""


class Order:
    """The order of notes for one who asks. `caller`: the peer, where it is known; its own memory counts for more unless
    it asks `for_curation`. `preferred`: folders of the vault."""

    __slots__ = ("_caller", "_levelled", "_locale", "_preferred", "_titles")

    def __init__(
        self, locale: Locale, titles: Titles, caller: str | None, *, for_curation: bool, preferred: Sequence[str] = ()
    ) -> None:
        self._locale = locale
        self._titles = titles
        self._caller = None if for_curation else caller
        self._preferred = preferred
        self._levelled = self._caller is None and not preferred

    def stood(self, hit: Hit, bare: float) -> Candidate:
        """A note that was found, by its status and place."""
        path, title, kind, status, author, _, _, backlinks = hit
        factor, stale = rank.standing(path, status, self._locale)
        return Candidate(path, title, kind, status, author, backlinks, stale, bare * factor, bare, hit)

    def owned(self, candidates: Iterable[Candidate]) -> Iterable[Candidate]:
        """Scored by whose memory they are and by what the asker prefers; after reranking, which would level it."""
        return candidates if self._levelled else map(self._owned, candidates)

    def joined(
        self, ranked: Sequence[Candidate], near: Mapping[str, Sequence[Neighbour]], limit: int
    ) -> Iterable[Candidate]:
        """Notes that the best `limit` ones are linked with (`near`), at a share of their score, by their own standing.
        A current note that has the name of an outdated one comes first."""
        there = {candidate.path for candidate in ranked}
        joined: dict[str, Candidate] = {}
        for candidate in ranked[:limit]:
            ends = [end for end in near.get(candidate.path, ()) if end.path not in there]
            if candidate.stale:
                name = self._titles.name(candidate.title)
                ends.sort(key=lambda end: not twins.alike(name, self._titles.name(end.title)))
            for end in ends[:JOINED]:
                if len(joined) < limit and end.path not in joined:
                    joined[end.path] = self._linked(end, NEIGHBOUR * candidate.bare)
        return self.owned(joined.values())

    def twinned(self, ranked: list[Candidate]) -> list[Candidate]:
        """Current notes before their outdated twins; one that moves up takes the score of the place it comes to."""
        outdated = [one.stale for one in ranked]
        if True not in outdated:
            return ranked
        first = outdated.index(True)  # what stands above every outdated note need not move
        rest = [
            twins.Standing(one.path, self._titles.name(one.title), stale)
            for one, stale in zip(ranked[first:], outdated[first:], strict=True)
        ]
        by_path = {candidate.path: candidate for candidate in ranked[first:]}
        ordered = twins.ordered(rest)
        if ordered == tuple(by_path):
            return ranked
        result: list[Candidate] = []
        floor = 0.0
        for one in reversed([*ranked[:first], *(by_path[path] for path in ordered)]):
            floor = max(floor, one.score)
            result.append(one if one.score == floor else one.scored(floor))
        return result[::-1]

    def _linked(self, end: Neighbour, bare: float) -> Candidate:
        factor, stale = rank.standing(end.path, end.status, self._locale)
        return Candidate(end.path, end.title, end.type, end.status, None, end.backlinks, stale, bare * factor, bare)

    def _owned(self, candidate: Candidate) -> Candidate:
        factor = rank.foreign(candidate.path, candidate.author, self._locale, self._caller)
        factor *= rank.preferred(candidate.path, self._preferred)
        return candidate if factor == 1 else candidate.scored(candidate.score * factor)
