"""One question, answered: what is sought, candidates, evidence, standing, payload. Pure but for the model servers.

Source of the payload's shape and of the order of the steps: the reference core's `memory_search`. `path` is spelled as
on disk, so that a harness can open it. What is returned was cleaned of credentials when it was indexed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import Filter, Hit, Neighbour
from iapeer_memory.search import evidence, query, rank, widening
from iapeer_memory.search.candidate import Candidate, best_first, hub
from iapeer_memory.search.embedding import Embedder
from iapeer_memory.search.order import Order
from iapeer_memory.search.remote import Outcome
from iapeer_memory.search.reranking import Reranker, blended
from iapeer_memory.search.snippet import Marker, Terms, snippet
from iapeer_memory.search.titles import Titles
from iapeer_memory.vault.layout import Locale

MOST_RESULTS = 50
MOST_SKIPPED = 1_000
CANDIDATES = 4
"""Notes that are ranked, a result."""

MOST_ECHOED = 500
"""Characters of a question that are repeated in its answer."""

NEAR = 16
"""Neighbours of a note that are looked at."""

RELATED = 3
"""Neighbours that a result names."""


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


Weighed = tuple[Hit, float]
"""What was found and its score."""


class Finder:
    """Answers questions in one vault's language. One thread at a time. Without an embedder and a reranker it never
    uses the network."""

    __slots__ = ("_embedder", "_fusion", "_locale", "_reranker", "_titles")

    def __init__(
        self,
        locale: Locale,
        *,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        fusion: int = rank.FUSION,
    ) -> None:
        self._locale = locale
        self._embedder = embedder
        self._reranker = reranker
        self._fusion = fusion
        self._titles: Titles | None = None

    def answer(self, reader: Reader, question: Question) -> dict[str, Any]:
        """The payload `{query, results, pipeline}`. Raises IndexBroken, IndexFailed."""
        if self._embedder is not None or self._reranker is not None:
            return self._answer(reader, question)
        with reader.snapshot():  # nobody is waited for
            return self._answer(reader, question)

    def _answer(self, reader: Reader, question: Question) -> dict[str, Any]:
        limit = max(1, min(question.limit, MOST_RESULTS))
        offset = max(0, min(question.offset, MOST_SKIPPED))
        only = None if question.only is None or question.only.empty else question.only
        asked = query.understand(question.text, reader.stemmer)
        vector, embedding = self._embedded(asked, question)
        block = limit * CANDIDATES
        most = ((offset + limit) // block + 1) * block
        titles = self._titles_by(reader)
        order = Order(
            self._locale,
            titles,
            question.caller,
            for_curation=question.for_curation,
            preferred=question.preferred,
        )
        with reader.snapshot():
            known = widening.know(reader, asked)
            found = widening.find(reader, asked, known, limit=most, only=only)
            near = () if vector is None else reader.nearest(vector, limit=most, only=only)
            scale = evidence.scales(asked, known, reader.stemmer.stems, prefixes=found.prefixes)
            candidates = [
                order.stood(hit, score) for hit, score in self._weighed(reader, titles, found.hits[:most], near, scale)
            ]
        best, reranking = self._reranked(reader, question.text, candidates[:block])
        results: dict[str, Candidate] = {}
        with reader.snapshot():
            wide = only is None and not (asked.insists and found.whole)
            linked: dict[str, Sequence[Neighbour]] = {}
            for at in range(0, len(candidates), block):
                ranked = best_first(order.owned(best if at == 0 else candidates[at : at + block]))
                if wide:
                    linked |= reader.neighbours([one.path for one in ranked[:limit]], most=NEAR)
                    ranked += order.joined(ranked, linked, limit)
                for one in order.twinned(best_first(map(hub, ranked))):
                    results.setdefault(one.path, one)
            top = max([candidate.score for candidate in results.values()], default=0.0)
            page = list(results.values())[offset : offset + limit]
            linked |= reader.neighbours([one.path for one in page if one.path not in linked], most=NEAR)
            shown = self._shown(reader, page, top, linked, scale)
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

    def _titles_by(self, reader: Reader) -> Titles:
        """What is known of titles, in the stems of that reader."""
        if self._titles is None or self._titles.stemmer is not reader.stemmer:
            self._titles = Titles(reader.stemmer)
        return self._titles

    def _embedded(self, asked: query.Asked, question: Question) -> tuple[Sequence[float] | None, Outcome]:
        """The question's vector, and how the call went."""
        if self._embedder is None:
            return None, "disabled"
        if not asked.sought:
            return None, "skipped"
        made = self._embedder.of_question(question.text[: query.MOST_CHARACTERS])
        return (made.vectors[0] if made.outcome == "ok" else None), made.outcome

    def _weighed(
        self, reader: Reader, titles: Titles, hits: Sequence[Hit], near: Sequence[Hit], scale: evidence.Scales
    ) -> list[Weighed]:
        """What was found with its score from words, from vectors, or from both; the best first."""
        said = [
            evidence.Said(hit.score, titles.stems(hit.title), streams)
            for hit, streams in zip(hits, reader.streams(hits), strict=True)
        ]
        by_words = sorted(zip(hits, evidence.scores(scale, said), strict=True), key=_heaviest)
        if not near:
            return by_words
        if not by_words:
            return [(hit, max(hit.score, 0.0)) for hit in near]
        every = {hit.path: hit for hit in (*near, *hits)}
        scores = rank.fused([[hit.path for hit, _ in by_words], [hit.path for hit in near]], constant=self._fusion)
        return sorted(((hit, scores[path]) for path, hit in every.items()), key=_heaviest)

    def _reranked(self, reader: Reader, text: str, ranked: list[Candidate]) -> tuple[list[Candidate], Outcome]:
        """The candidates with blended scores, unchanged where the reranker did not answer."""
        if self._reranker is None:
            return ranked, "disabled"
        if not ranked:
            return ranked, "skipped"
        ordered = best_first(ranked)
        first = ordered[: self._reranker.most]
        texts = _texts(reader, first)
        shown = [f"{one.title}\n{''.join(texts.get(one.path, ())[:1])}" for one in first]
        given = self._reranker.scores(text[: query.MOST_CHARACTERS], shown)
        if given.outcome != "ok":
            return ranked, given.outcome
        scores = blended([candidate.score for candidate in ordered], given.scores, self._reranker.weight)
        return [one._replace(score=score, bare=score) for one, score in zip(ordered, scores, strict=True)], "ok"

    def _shown(
        self,
        reader: Reader,
        page: Sequence[Candidate],
        best: float,
        linked: Mapping[str, Sequence[Neighbour]],
        scale: evidence.Scales,
    ) -> list[dict[str, Any]]:
        """The result items."""
        terms = Terms(scale.of, tuple((start.lstrip(), which) for start, which, _ in scale.begins))
        marker = Marker(terms, reader.stemmer)
        matched = _texts(reader, page)
        items = []
        for one in page:
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
                        {"path": end.path, "title": end.title, "direction": end.direction}
                        for end in linked.get(one.path, ())[:RELATED]
                    ],
                }
            )
        return items


def answer(reader: Reader, locale: Locale, question: Question) -> dict[str, Any]:
    """One question answered without a model server. Who asks often keeps a `Finder`."""
    return Finder(locale).answer(reader, question)


def _heaviest(weighed: Weighed) -> tuple[float, str]:
    hit, score = weighed
    return -score, hit.path


def _texts(reader: Reader, notes: Iterable[Candidate]) -> dict[str, tuple[str, ...]]:
    """path → the passages that matched, of those that matched."""
    hits = [one.hit for one in notes if one.hit is not None]
    return dict(zip((hit.path for hit in hits), reader.passages(hits), strict=True))
