"""One question, answered: what is sought, candidates, evidence, standing, payload. Pure but for the model servers.

Source of the payload's shape and of the order of the steps: the reference core's `memory_search`. `path` is spelled as
on disk, so that a harness can open it. What is returned was cleaned of credentials when it was indexed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from iapeer_memory.index.port import Filter, Hit, Reader
from iapeer_memory.index.stems import Stemmer
from iapeer_memory.search import evidence, query, rank, twins, widening
from iapeer_memory.search.around import Around
from iapeer_memory.search.candidate import Candidate, best_first, candidate_of, hub
from iapeer_memory.search.embedding import Embedder
from iapeer_memory.search.remote import Outcome
from iapeer_memory.search.reranking import Reranker, blended
from iapeer_memory.search.snippet import Marker, Terms, snippet
from iapeer_memory.vault.layout import Locale

MOST_RESULTS = 50
MOST_SKIPPED = 1_000
CANDIDATES = 4
"""Notes that are ranked, a result."""

MOST_NAMES = 2_048
"""Titles of which it is remembered what they name."""

MOST_ECHOED = 500
"""Characters of a question that are repeated in its answer."""

RELATED = 3
"""Neighbours that a result names, and that a result brings in."""

NEIGHBOUR = 0.4
"""What a neighbour's score is of the note's that brought it in."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. `caller`: the peer that asks, where it is known. `limit`: results, 1 to 50. `offset`: how many
    of the best are passed over. `only`: which notes may be found. `preferred`: folders whose notes count for more."""

    text: str
    caller: str | None = None
    for_curation: bool = False
    limit: int = 6
    offset: int = 0
    only: Filter | None = None
    preferred: tuple[str, ...] = ()


class Finder:
    """Answers questions in one vault's language. One thread at a time. Without an embedder and a reranker it never
    uses the network."""

    __slots__ = ("_embedder", "_fusion", "_locale", "_names", "_reranker", "_stemmer")

    def __init__(
        self,
        locale: Locale,
        *,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        fusion: int = rank.FUSION,
        stemmer: Stemmer | None = None,
    ) -> None:
        self._locale = locale
        self._embedder = embedder
        self._reranker = reranker
        self._fusion = fusion
        self._stemmer = stemmer or Stemmer()
        self._names: dict[str, frozenset[str]] = {}

    def answer(self, reader: Reader, question: Question) -> dict[str, Any]:
        """The payload `{query, results, pipeline}`. Raises IndexBroken, IndexFailed."""
        limit = max(1, min(question.limit, MOST_RESULTS))
        offset = max(0, min(question.offset, MOST_SKIPPED))
        only = None if question.only is None or question.only.empty else question.only
        asked = query.understand(question.text, self._stemmer)
        vector, embedding = self._embedded(asked, question)
        block = limit * CANDIDATES
        most = ((offset + limit) // block + 1) * block
        with reader.snapshot():
            known = widening.know(reader, asked, self._stemmer.stems)
            found = widening.find(reader, asked, known, limit=most, only=only)
            near = () if vector is None else reader.nearest(vector, limit=most, only=only)
            scale = evidence.scales(asked, known, self._stemmer.stems, prefixes=found.prefixes)
            candidates = [self._stood(one) for one in self._weighed(reader, found.hits[:most], near, scale)]
        best, reranking = self._reranked(reader, question.text, candidates[:block])
        results: dict[str, Candidate] = {}
        with reader.snapshot():
            around = Around(reader)
            wide = only is None and not (asked.insists and found.whole)
            for at in range(0, len(candidates), block):
                ranked = best if at == 0 else candidates[at : at + block]
                ranked = sorted((self._owned(one, question) for one in ranked), key=best_first)
                if wide:
                    ranked += self._neighbours(around, question, ranked, limit)
                for one in self._twinned(sorted(map(hub, ranked), key=best_first)):
                    results.setdefault(one.path, one)
            top = max((candidate.score for candidate in results.values()), default=0.0)
            page = list(results.values())[offset : offset + limit]
            shown = self._shown(reader, around, page, top, scale)
        return {
            "query": question.text[:MOST_ECHOED],
            "results": shown,
            "pipeline": {
                "bm25": "ok",
                "embedding": embedding,
                "reranker": reranking,
                "graph": "ok",
                "caller_agent": question.caller,
                "for_curation": question.for_curation,
                "widened": list(found.widened),
                "more": len(results) > offset + limit or len(candidates) >= most,
            },
        }

    def _embedded(self, asked: query.Asked, question: Question) -> tuple[Sequence[float] | None, Outcome]:
        """The question's vector, and how the call went."""
        if self._embedder is None:
            return None, "disabled"
        if not asked.sought:
            return None, "skipped"
        made = self._embedder.of_question(question.text[: query.MOST_CHARACTERS])
        return (made.vectors[0] if made.outcome == "ok" else None), made.outcome

    def _weighed(
        self, reader: Reader, hits: Sequence[Hit], near: Sequence[Hit], scale: evidence.Scales
    ) -> list[Candidate]:
        """Candidates with their score from words, from vectors, or from both; the best first."""
        stream = self._stemmer.stream
        said = [
            evidence.Said(hit.score, stream(hit.title), streams)
            for hit, streams in zip(hits, reader.streams(hits), strict=True)
        ]
        by_words = [candidate_of(hit, score) for hit, score in zip(hits, evidence.scores(scale, said), strict=True)]
        by_words.sort(key=best_first)
        if not near:
            return by_words
        if not by_words:
            return [candidate_of(hit, max(hit.score, 0.0)) for hit in near]
        every = {candidate.path: candidate for candidate in by_words}
        for hit in near:
            every.setdefault(hit.path, candidate_of(hit, 0.0))
        scores = rank.fused(
            [[candidate.path for candidate in by_words], [hit.path for hit in near]], constant=self._fusion
        )
        fused = [one._replace(score=scores[path], bare=scores[path]) for path, one in every.items()]
        return sorted(fused, key=best_first)

    def _stood(self, candidate: Candidate) -> Candidate:
        """Its score by its status and place."""
        factor = rank.standing(candidate.path, candidate.status, self._locale)
        return candidate if factor == 1 else candidate.scored(candidate.score * factor)

    def _owned(self, candidate: Candidate, question: Question) -> Candidate:
        """Its score by whose memory it is and by what its asker prefers; after reranking, which would level it."""
        factor = rank.foreign(candidate.path, candidate.author, self._locale, question.caller, question.for_curation)
        factor *= rank.preferred(candidate.path, question.preferred)
        return candidate if factor == 1 else candidate.scored(candidate.score * factor)

    def _reranked(self, reader: Reader, text: str, ranked: list[Candidate]) -> tuple[list[Candidate], Outcome]:
        """The candidates with blended scores, unchanged where the reranker did not answer."""
        if self._reranker is None:
            return ranked, "disabled"
        if not ranked:
            return ranked, "skipped"
        ordered = sorted(ranked, key=best_first)
        first = ordered[: self._reranker.most]
        texts = _texts(reader, first)
        shown = [f"{one.title}\n{''.join(texts.get(one.path, ())[:1])}" for one in first]
        given = self._reranker.scores(text[: query.MOST_CHARACTERS], shown)
        if given.outcome != "ok":
            return ranked, given.outcome
        scores = blended([candidate.score for candidate in ordered], given.scores, self._reranker.weight)
        return [one._replace(score=score, bare=score) for one, score in zip(ordered, scores, strict=True)], "ok"

    def _neighbours(
        self, around: Around, question: Question, ranked: Sequence[Candidate], limit: int
    ) -> Iterable[Candidate]:
        """Notes that the best ones are linked with, at a share of their score, by their own standing. A current note
        that has the name of an outdated one comes first."""
        best = ranked[:limit]
        there = {candidate.path for candidate in ranked}
        joined: dict[str, Candidate] = {}
        for candidate, near in zip(best, around.of(best), strict=True):
            ends = [end for end in near if end.path not in there]
            if rank.stale(candidate.path, candidate.status, self._locale):
                name = self._name(candidate.title)
                ends.sort(key=lambda end: not twins.alike(name, self._name(end.title)))
            for end in ends[:RELATED]:
                if len(joined) >= limit:
                    return joined.values()
                if end.path not in joined:
                    bare = NEIGHBOUR * candidate.bare
                    note = Candidate(end.path, end.title, end.type, end.status, None, end.backlinks, bare, bare)
                    joined[end.path] = self._owned(self._stood(note), question)
        return joined.values()

    def _twinned(self, ranked: list[Candidate]) -> list[Candidate]:
        """Current notes before their outdated twins; one that moves up takes the score of the place it comes to."""
        outdated = {one.path for one in ranked if rank.stale(one.path, one.status, self._locale)}
        if not outdated:
            return ranked
        first = next(at for at, one in enumerate(ranked) if one.path in outdated)
        nameless: frozenset[str] = frozenset()  # what stands above every outdated note need not move
        standings = [
            twins.Standing(one.path, nameless if at < first else self._name(one.title), one.path in outdated)
            for at, one in enumerate(ranked)
        ]
        by_path = {candidate.path: candidate for candidate in ranked}
        result: list[Candidate] = []
        floor = 0.0
        for path in reversed(twins.ordered(standings)):
            one = by_path[path]
            floor = max(floor, one.score)
            result.append(one if one.score == floor else one.scored(floor))
        return result[::-1]

    def _name(self, title: str) -> frozenset[str]:
        known = self._names
        if title not in known:
            if len(known) >= MOST_NAMES:
                known.clear()
            known[title] = twins.name_of(title, self._stemmer)
        return known[title]

    def _shown(
        self, reader: Reader, around: Around, page: Sequence[Candidate], best: float, scale: evidence.Scales
    ) -> list[dict[str, Any]]:
        """The result items."""
        terms = Terms(scale.of, tuple((start.lstrip(), which) for start, which, _ in scale.begins))
        marker = Marker(terms, self._stemmer)
        matched = _texts(reader, page)
        items = []
        for one, near in zip(page, around.of(page), strict=True):
            texts = matched.get(one.path, ())
            opening = "" if texts else reader.opening(one.path)
            items.append(
                {
                    "title": one.title,
                    "path": one.path,
                    "type": one.type,
                    "status": one.status,
                    "score": rank.shown(one.score, best),
                    "snippet": snippet(texts or (opening,), marker, opening=opening, locale=self._locale.id),
                    "related": [
                        {"path": end.path, "title": end.title, "direction": end.direction} for end in near[:RELATED]
                    ],
                }
            )
        return items


def answer(reader: Reader, locale: Locale, question: Question) -> dict[str, Any]:
    """One question answered without a model server. Who asks often keeps a `Finder`."""
    return Finder(locale).answer(reader, question)


def _texts(reader: Reader, notes: Iterable[Candidate]) -> dict[str, tuple[str, ...]]:
    """path → the passages that matched, of those that matched."""
    hits = [one.hit for one in notes if one.hit is not None]
    return dict(zip((hit.path for hit in hits), reader.passages(hits), strict=True))
