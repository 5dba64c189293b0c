"""Vectors of texts from a model server: the requests, the answers and what is wrong with them.

Never stores anything; an answer of another count, length or kind is an error, never a vector.

Source of the two wires: the reference core's embedding providers (`openai`, `tei`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.domain.door import Clock, Net
from iapeer_memory.search.remote import QUERY_SECONDS, Breaker, Outcome, Server, ask

EmbeddingProvider = Literal["openai", "tei"]
Vector = tuple[float, ...]

INDEXING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors in the order of the texts; () unless the outcome is ok."""

    outcome: Outcome
    vectors: tuple[Vector, ...] = ()
    detail: str = ""


class Embedder:
    """A model that makes vectors, behind its breaker. `query_prefix`: what a model wants before a question."""

    __slots__ = ("_clock", "_dimensions", "_indexing", "_net", "_prefix", "_provider", "_server", "breaker")

    def __init__(
        self,
        net: Net,
        clock: Clock,
        server: Server,
        *,
        provider: EmbeddingProvider,
        dimensions: int,
        query_prefix: str = "",
        indexing_seconds: float = INDEXING_SECONDS,
        breaker: Breaker | None = None,
    ) -> None:
        self._net = net
        self._clock = clock
        self._server = server
        self._provider: EmbeddingProvider = provider
        self._dimensions = dimensions
        self._prefix = query_prefix
        self._indexing = indexing_seconds
        self.breaker = breaker or Breaker(clock)

    @property
    def fingerprint(self) -> str:
        """Names what makes the vectors: those of another are of no use."""
        return f"{self._server.model}:{self._dimensions}"

    def of_question(self, text: str) -> Vectors:
        """The vector of a question; waits 3 s at most."""
        return self._ask([self._prefix + text], QUERY_SECONDS)

    def of_hint(self, text: str) -> Vectors:
        """The vector of a note's beginning, while its author waits: 3 s at most."""
        return self._ask([text], QUERY_SECONDS)

    def of_passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of passages, for the index."""
        return self._ask(texts, self._indexing)

    def _ask(self, texts: Sequence[str], timeout: float) -> Vectors:
        if self.breaker.open:
            return Vectors("circuit-open")
        request = embedding_request(self._provider, self._server.model, texts)
        answer = ask(self._net, self._clock, self._server, request, timeout=timeout)
        if answer.outcome != "ok":
            self.breaker.note(ok=False)
            return Vectors(answer.outcome, detail=answer.detail)
        vectors = embedding_answer(self._provider, answer.value, count=len(texts), dimensions=self._dimensions)
        self.breaker.note(ok=not isinstance(vectors, str))
        return Vectors("error", detail=vectors) if isinstance(vectors, str) else Vectors("ok", vectors)


def embedding_request(provider: EmbeddingProvider, model: str, texts: Sequence[str]) -> dict[str, Any]:
    """The body of a request."""
    return {"inputs": list(texts)} if provider == "tei" else {"input": list(texts), "model": model}


def embedding_answer(
    provider: EmbeddingProvider, value: Any, *, count: int, dimensions: int
) -> tuple[Vector, ...] | str:
    """The vectors in the order of the texts, or what is wrong with the answer."""
    rows = value
    if provider == "openai":
        rows = value.get("data") if isinstance(value, dict) else None
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            places = [row.get("index") for row in rows]
            if all(isinstance(place, int) and not isinstance(place, bool) for place in places):
                if sorted(places) != list(range(len(rows))):
                    return "the answer's indexes are not 0 to the number of texts"
                rows = sorted(rows, key=lambda row: int(row["index"]))
            rows = [row.get("embedding") for row in rows]
    if not isinstance(rows, list):
        return "the answer holds no list of vectors"
    if len(rows) != count:
        return f"{len(rows)} vectors for {count} texts"
    vectors = []
    for row in rows:
        vector = _vector(row)
        if vector is None or len(vector) != dimensions:
            return f"a vector is not {dimensions} numbers"
        vectors.append(vector)
    return tuple(vectors)


def _vector(row: Any) -> Vector | None:
    if not isinstance(row, list):
        return None
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in row):
        return None
    return tuple(map(float, row))
