"""One question, answered: what is sought, candidates, evidence, standing, payload. Pure but for the model servers.

Source of the payload's shape and of the order of the steps: the reference core's `memory_search`. `path` is spelled as
on disk, so that a harness can open it. What is returned was cleaned of credentials when it was indexed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from iapeer_memory.index.port import Filter, Hit, Neighbour, Reader
from iapeer_memory.index.stems import Stemmer
from iapeer_memory.search import evidence, query, rank, twins, widening
from iapeer_memory.search.embedding import Embedder
from iapeer_memory.search.remote import Outcome
from iapeer_memory.search.reranking import Reranker, blended
from iapeer_memory.search.snippet import Marker, Terms, snippet
from iapeer_memory.search.streams import Streams
from iapeer_memory.vault.layout import Locale

MOST_RESULTS = 50
MOST_SKIPPED = 1_000
CANDIDATES = 4
"""Notes that are ranked, a result."""

MOST_ECHOED = 500
"""Characters of a question that are repeated in its answer."""

RELATED = 3
"""Neighbours that a result names, and that a result brings in."""

NEIGHBOUR = 0.4
"""What a neighbour's score is of the note's that brought it in."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. `caller`: the peer that asks, where it is known. `limit`: results, 1 to 50. `offset`: how many
    of the best are passed over. `only`: which notes may be found."""

    text: str
    caller: str | None = None
    for_curation: bool = False
    limit: int = 6
    offset: int = 0
    only: Filter | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A note on its way to the results. `texts`: its passages that matched, best first. `bare`: the score without the
    factors of its standing."""

    path: str
    title: str
    type: str | None
    status: str | None
    author: str | None
    score: float
    bare: float
    texts: tuple[str, ...] = ()


class Finder:
    """Answers questions in one vault's language. One thread at a time. Without an embedder and a reranker it never
    uses the network."""

    __slots__ = ("_embedder", "_fusion", "_locale", "_reranker", "_stemmer", "_streams")

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
        self._streams = Streams(self._stemmer)

    def answer(self, reader: Reader, question: Question) -> dict[str, Any]:
        """The payload `{query, results, pipeline}`. Raises IndexBroken, IndexFailed."""
        limit = max(1, min(question.limit, MOST_RESULTS))
        offset = max(0, min(question.offset, MOST_SKIPPED))
        only = None if question.only is None or question.only.empty else question.only
        asked = query.understand(question.text, self._stemmer)
        known = widening.know(reader, asked, self._stemmer.stems)
        block = limit * CANDIDATES
        blocks = (offset + limit) // block + 1
        found = widening.find(reader, asked, known, limit=block * blocks, only=only)
        near, embedding = self._nearest(reader, asked, question, limit=block * blocks, only=only)
        scale = evidence.scales(asked, known, self._stemmer.stems, prefixes=found.prefixes)
        candidates = self._weighed(reader, found.hits[: block * blocks], near, scale)
        results: dict[str, Candidate] = {}
        reranking: Outcome = "disabled" if self._reranker is None else "skipped"
        wide = only is None and not (asked.insists and found.whole)
        for at in range(0, len(candidates), block):
            ranked = [self._stood(candidate) for candidate in candidates[at : at + block]]
            if at == 0:
                ranked, reranking = self._reranked(question.text, ranked)
            ranked = [self._owned(candidate, question) for candidate in ranked]
            for candidate in self._finished(reader, question, ranked, limit, wide=wide):
                results.setdefault(candidate.path, candidate)
        best = max((candidate.score for candidate in results.values()), default=0.0)
        page = list(results.values())[offset : offset + limit]
        return {
            "query": question.text[:MOST_ECHOED],
            "results": self._shown(reader, page, best, scale),
            "pipeline": {
                "bm25": "ok",
                "embedding": embedding,
                "reranker": reranking,
                "graph": "ok",
                "caller_agent": question.caller,
                "for_curation": question.for_curation,
                "widened": list(found.widened),
                "more": len(results) > offset + limit or len(candidates) >= block * blocks,
            },
        }

    def _nearest(
        self, reader: Reader, asked: query.Asked, question: Question, *, limit: int, only: Filter | None
    ) -> tuple[tuple[Hit, ...], Outcome]:
        """The nearest notes by vector, and how the call went."""
        if self._embedder is None:
            return (), "disabled"
        if not asked.sought:
            return (), "skipped"
        made = self._embedder.of_question(question.text[: query.MOST_CHARACTERS])
        if made.outcome != "ok":
            return (), made.outcome
        return reader.nearest(made.vectors[0], limit=limit, only=only), "ok"

    def _weighed(
        self, reader: Reader, hits: Sequence[Hit], near: Sequence[Hit], scale: evidence.Scales
    ) -> list[Candidate]:
        """Candidates with their score from words, from vectors, or from both; the best first."""
        stream = self._streams.of
        by_words: list[Candidate] = []
        for hit, texts in zip(hits, reader.passages(hits), strict=True):
            score = evidence.score(scale, hit.score, stream(hit.title), [stream(text) for text in texts])
            by_words.append(_candidate(hit, score, texts))
        by_words.sort(key=_best_first)
        if not near:
            return by_words
        if not by_words:
            texts_of = reader.passages(near)
            return [_candidate(hit, max(hit.score, 0.0), texts) for hit, texts in zip(near, texts_of, strict=True)]
        every = {candidate.path: candidate for candidate in by_words}
        new = [hit for hit in near if hit.path not in every]
        every.update(
            (hit.path, _candidate(hit, 0.0, texts)) for hit, texts in zip(new, reader.passages(new), strict=True)
        )
        scores = rank.fused(
            [[candidate.path for candidate in by_words], [hit.path for hit in near]], constant=self._fusion
        )
        fused = [replace(candidate, score=scores[path], bare=scores[path]) for path, candidate in every.items()]
        return sorted(fused, key=_best_first)

    def _stood(self, candidate: Candidate) -> Candidate:
        """Its score by its status and place."""
        factor = rank.standing(candidate.path, candidate.status, self._locale)
        return candidate if factor == 1 else replace(candidate, score=candidate.score * factor)

    def _owned(self, candidate: Candidate, question: Question) -> Candidate:
        """Its score by whose memory it is; after reranking, which would level it."""
        factor = rank.foreign(candidate.path, candidate.author, self._locale, question.caller, question.for_curation)
        return candidate if factor == 1 else replace(candidate, score=candidate.score * factor)

    def _reranked(self, text: str, ranked: list[Candidate]) -> tuple[list[Candidate], Outcome]:
        """The candidates with blended scores, unchanged where the reranker did not answer."""
        if self._reranker is None:
            return ranked, "disabled"
        ordered = sorted(ranked, key=_best_first)
        shown = [f"{one.title}\n{one.texts[0] if one.texts else ''}" for one in ordered[: self._reranker.most]]
        given = self._reranker.scores(text[: query.MOST_CHARACTERS], shown)
        if given.outcome != "ok":
            return ranked, given.outcome
        scores = blended([candidate.score for candidate in ordered], given.scores, self._reranker.weight)
        return [
            replace(candidate, score=score, bare=score) for candidate, score in zip(ordered, scores, strict=True)
        ], "ok"

    def _finished(
        self, reader: Reader, question: Question, ranked: list[Candidate], limit: int, *, wide: bool
    ) -> list[Candidate]:
        """With neighbours, hubs and twins; in order."""
        ranked = sorted(ranked, key=_best_first)
        if wide:
            ranked += self._neighbours(reader, question, ranked, limit)
        links = reader.backlinks([candidate.path for candidate in ranked])
        ranked = [
            replace(one, score=one.score * rank.HUB) if links.get(one.path, 0) >= rank.HUB_FROM else one
            for one in ranked
        ]
        ranked.sort(key=_best_first)
        return self._twinned(ranked)

    def _neighbours(
        self, reader: Reader, question: Question, ranked: Sequence[Candidate], limit: int
    ) -> Iterable[Candidate]:
        """Notes that the best ones are linked with, at a share of their score, by their own standing. A current note
        that has the name of an outdated one comes first."""
        best = ranked[:limit]
        there = {candidate.path for candidate in ranked}
        around = reader.neighbours([candidate.path for candidate in best])
        joined: dict[str, Candidate] = {}
        for candidate in best:
            ends = [end for end in _each_once(around.get(candidate.path, ())) if end.path not in there]
            if rank.stale(candidate.path, candidate.status, self._locale):
                name = self._name(candidate.title)
                ends.sort(key=lambda end: not twins.alike(name, self._name(end.title)))
            for end in ends[:RELATED]:
                if len(joined) >= limit:
                    return joined.values()
                if end.path not in joined:
                    bare = NEIGHBOUR * candidate.bare
                    note = Candidate(end.path, end.title, end.type, end.status, None, bare, bare)
                    joined[end.path] = self._owned(self._stood(note), question)
        return joined.values()

    def _twinned(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        """Current notes before their outdated twins; one that moves up takes the score of the place it comes to."""
        outdated = {one.path for one in ranked if rank.stale(one.path, one.status, self._locale)}
        if not outdated:
            return list(ranked)
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
            floor = max(floor, by_path[path].score)
            result.append(replace(by_path[path], score=floor))
        return result[::-1]

    def _name(self, title: str) -> frozenset[str]:
        return twins.name_of(title, self._stemmer)

    def _shown(
        self, reader: Reader, page: Sequence[Candidate], best: float, scale: evidence.Scales
    ) -> list[dict[str, Any]]:
        """The result items."""
        terms = Terms(scale.of, tuple((start, which) for start, which, _ in scale.begins))
        marker = Marker(terms, self._stemmer)
        # A note that is linked both ways stands among its neighbours twice.
        around: Mapping[str, Sequence[Neighbour]] = reader.neighbours([one.path for one in page], most=2 * RELATED)
        items = []
        for one in page:
            opening = "" if one.texts else reader.opening(one.path)
            items.append(
                {
                    "title": one.title,
                    "path": one.path,
                    "type": one.type,
                    "status": one.status,
                    "score": rank.shown(one.score, best),
                    "snippet": snippet(one.texts or (opening,), marker, opening=opening, locale=self._locale.id),
                    "related": [
                        {"path": end.path, "title": end.title, "direction": end.direction}
                        for end in _each_once(around.get(one.path, ()))[:RELATED]
                    ],
                }
            )
        return items


def answer(reader: Reader, locale: Locale, question: Question) -> dict[str, Any]:
    """One question answered without a model server. Who asks often keeps a `Finder`."""
    return Finder(locale).answer(reader, question)


def _candidate(hit: Hit, score: float, texts: tuple[str, ...]) -> Candidate:
    return Candidate(hit.path, hit.title, hit.type, hit.status, hit.author, score, score, texts)


def _best_first(candidate: Candidate) -> tuple[float, str]:
    return -candidate.score, candidate.path


def _each_once(ends: Sequence[Neighbour]) -> list[Neighbour]:
    """Neighbours, each once, in order."""
    once: dict[str, Neighbour] = {}
    for end in ends:
        once.setdefault(end.path, end)
    return list(once.values())
