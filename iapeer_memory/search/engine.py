"""One question, answered: words, widening, ranking, payload. Pure over an index reader.

Source of the payload's shape: the reference core's `memory_search`. `path` is spelled as on disk, so that a
harness can open it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iapeer_memory.index.port import Hit, Reader
from iapeer_memory.search import query, rank
from iapeer_memory.search.snippet import snippet
from iapeer_memory.vault.layout import Locale

MOST_RESULTS = 50
CANDIDATES = 4
"""Notes that are ranked, a result."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. `caller`: the peer that asks, where it is known. `limit`: results, 1 to 50."""

    text: str
    caller: str | None = None
    for_curation: bool = False
    limit: int = 6


def answer(reader: Reader, locale: Locale, question: Question) -> dict[str, Any]:
    """The payload `{query, results, pipeline}`. Raises IndexBroken, IndexFailed."""
    limit = max(1, min(question.limit, MOST_RESULTS))
    asked = query.words(question.text)
    weighed = (
        (score * _factor(hit, locale, question), hit) for score, hit in candidates(reader, asked, limit * CANDIDATES)
    )
    ranked = sorted(weighed, key=lambda pair: (-pair[0], pair[1].path))[:limit]
    best = ranked[0][0] if ranked else 0.0
    terms = tuple(dict.fromkeys(query.stem(word) for word in asked))
    return {
        "query": question.text,
        "results": [_result(reader, hit, rank.shown(score, best), terms) for score, hit in ranked],
        "pipeline": {
            "bm25": "ok",
            "embedding": "disabled",
            "reranker": "disabled",
            "graph": "ok",
            "caller_agent": question.caller,
            "for_curation": question.for_curation,
        },
    }


def candidates(reader: Reader, asked: tuple[str, ...], limit: int) -> tuple[tuple[float, Hit], ...]:
    """Notes with all words in one passage, then, where those are too few, notes with some of them."""
    if not asked:
        return ()
    whole = reader.match(query.all_of(asked), limit=limit)
    if len(whole) >= limit:
        return tuple((hit.score, hit) for hit in whole)
    found = {hit.path: (hit.score, hit) for hit in reader.match(query.any_of(asked), limit=limit)}
    for hit in whole:
        score = found[hit.path][0] if hit.path in found else hit.score
        found[hit.path] = (max(score, hit.score) * rank.ALL_WORDS, hit)
    return tuple(found.values())


def _factor(hit: Hit, locale: Locale, question: Question) -> float:
    return rank.standing(hit, locale) * rank.foreign(hit, locale, question.caller, question.for_curation)


def _result(reader: Reader, hit: Hit, score: float, terms: tuple[str, ...]) -> dict[str, Any]:
    passages = reader.texts(hit)
    opening = "" if passages else reader.opening(hit.path)
    return {
        "title": hit.title,
        "path": hit.path,
        "type": hit.type,
        "status": hit.status,
        "score": score,
        "snippet": snippet(passages, terms, opening),
        "related": [],
    }
