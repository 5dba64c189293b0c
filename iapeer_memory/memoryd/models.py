"""The model servers that the settings name, as values: none, an embedder, a reranker. Asks nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from iapeer_memory.domain.door import Clock, Net
from iapeer_memory.domain.settings import Settings
from iapeer_memory.search.embedding import Embedder, EmbeddingProvider
from iapeer_memory.search.remote import Server
from iapeer_memory.search.reranking import Reranker, RerankerProvider

MOST_BATCH = 1024
MOST_RERANKED = 200


@dataclass(frozen=True, slots=True)
class Models:
    """`fusion`: the constant by which ranks of words and vectors are joined. `batch`: passages in one request."""

    embedder: Embedder | None = None
    reranker: Reranker | None = None
    fusion: int = 60
    batch: int = 32

    @property
    def breakers(self) -> dict[str, str]:
        """Kind → closed or open; without those that are off."""
        found = {"embedding": self.embedder, "reranker": self.reranker}
        return {name: "open" if one.breaker.open else "closed" for name, one in found.items() if one is not None}


def models(settings: Settings, net: Net, clock: Clock) -> Models:
    """What the settings name. A provider `none`, and an endpoint that is empty, is off."""
    embedder = reranker = None
    if url := settings["EMBEDDING_ENDPOINT"].strip():
        embedder = Embedder(
            net,
            clock,
            Server(url, settings["EMBEDDING_MODEL"], settings["EMBEDDING_API_KEY"] or None),
            provider=cast("EmbeddingProvider", settings["EMBEDDING_PROVIDER"]),
            dimensions=settings.number("EMBEDDING_DIMENSIONS"),
            query_prefix=settings["EMBEDDING_QUERY_PREFIX"],
            indexing_seconds=max(1.0, settings.number("EMBEDDING_TIMEOUT_MS") / 1000),
        )
    if (url := settings["RERANKER_ENDPOINT"].strip()) and settings["RERANKER_PROVIDER"] != "none":
        reranker = Reranker(
            net,
            clock,
            Server(url, settings["RERANKER_MODEL"], settings["RERANKER_API_KEY"] or None),
            provider=cast("RerankerProvider", settings["RERANKER_PROVIDER"]),
            most=max(1, settings.number("RERANKER_TOP_K", most=MOST_RERANKED)),
            weight=min(1.0, settings.share("RERANKER_WEIGHT")),
        )
    return Models(
        embedder,
        reranker,
        max(1, settings.number("RRF_K")),
        max(1, settings.number("EMBEDDING_BATCH_SIZE", most=MOST_BATCH)),
    )
