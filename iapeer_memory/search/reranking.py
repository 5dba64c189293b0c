"""A model that reads question and passage together and says how well they fit: requests, answers, one scale.

Never changes an order itself; its scores are 0 to 1 whatever the provider's are.

Source of the wires: the reference core's reranker providers (`tei`, `jina`, `cohere`, `nvidia`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.domain.door import Clock, Net
from iapeer_memory.search.remote import QUERY_SECONDS, Breaker, Outcome, Server, ask

RerankerProvider = Literal["tei", "jina", "cohere", "nvidia"]

SCORE = {"tei": "score", "jina": "relevance_score", "cohere": "relevance_score", "nvidia": "logit"}
ROWS = {"jina": "results", "cohere": "results", "nvidia": "rankings"}


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each text by its place: 0 to 1. Texts that the answer left out are missing. {} unless the outcome is ok."""

    outcome: Outcome
    scores: Mapping[int, float]
    detail: str = ""


class Reranker:
    """A reranking model behind its breaker. `most`: how many candidates it is shown. `weight`: how much of the
    final score is its own, 0 to 1."""

    __slots__ = ("_clock", "_net", "_provider", "_server", "breaker", "most", "weight")

    def __init__(
        self,
        net: Net,
        clock: Clock,
        server: Server,
        *,
        provider: RerankerProvider,
        most: int = 20,
        weight: float = 0.7,
        breaker: Breaker | None = None,
    ) -> None:
        self._net = net
        self._clock = clock
        self._server = server
        self._provider: RerankerProvider = provider
        self.most = most
        self.weight = min(1.0, max(0.0, weight))
        self.breaker = breaker or Breaker(clock)

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """How well each text fits; waits 3 s at most. One text is not worth a call."""
        if len(texts) < 2:
            return Scores("skipped", {})
        if self.breaker.open:
            return Scores("circuit-open", {})
        request = rerank_request(self._provider, self._server.model, question, texts)
        answer = ask(self._net, self._clock, self._server, request, timeout=QUERY_SECONDS)
        if answer.outcome != "ok":
            self.breaker.note(ok=False)
            return Scores(answer.outcome, {}, answer.detail)
        scores = rerank_answer(self._provider, answer.value, count=len(texts))
        self.breaker.note(ok=not isinstance(scores, str))
        return Scores("error", {}, scores) if isinstance(scores, str) else Scores("ok", scores)


def rerank_request(provider: RerankerProvider, model: str, question: str, texts: Sequence[str]) -> dict[str, Any]:
    """The body of a request."""
    if provider == "tei":
        return {"query": question, "texts": list(texts)}
    if provider == "nvidia":
        passages = [{"text": text} for text in texts]
        return {"model": model, "query": {"text": question}, "passages": passages, "truncate": "END"}
    return {"model": model, "query": question, "documents": list(texts), "top_n": len(texts)}


def rerank_answer(provider: RerankerProvider, value: Any, *, count: int) -> dict[int, float] | str:
    """Scores of 0 to 1 by place, or what is wrong with the answer. Logits go through the logistic function: always
    for nvidia, and for the others where a score is not 0 to 1."""
    rows = value if provider == "tei" else value.get(ROWS[provider]) if isinstance(value, dict) else None
    if not isinstance(rows, list):
        return "the answer holds no list of scores"
    found: dict[int, float] = {}
    for row in rows:
        place = row.get("index") if isinstance(row, dict) else None
        score = row.get(SCORE[provider]) if isinstance(row, dict) else None
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < count or place in found:
            return "the answer names a text that was not asked about"
        if not isinstance(score, int | float) or isinstance(score, bool) or not math.isfinite(score):
            return "a score is not a number"
        found[place] = float(score)
    if provider == "nvidia" or any(not 0 <= score <= 1 for score in found.values()):
        return {place: logistic(score) for place, score in found.items()}
    return found


def logistic(value: float) -> float:
    """1 / (1 + e^-value), for any value."""
    if value >= 0:
        return 1 / (1 + math.exp(-min(value, 700.0)))
    small = math.exp(max(value, -700.0))
    return small / (1 + small)


def blended(scores: Sequence[float], reranked: Mapping[int, float], weight: float) -> tuple[float, ...]:
    """The two scores of each candidate on one scale. One that was not reranked keeps its own part only, so that it
    never passes one that was by scale alone."""
    most = max(0.001, *scores) if scores else 1.0
    return tuple((1 - weight) * score / most + weight * reranked.get(at, 0.0) for at, score in enumerate(scores))
