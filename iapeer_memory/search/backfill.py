"""Giving vectors to the passages that have none, a batch at a time. Decides when to go on; never sleeps, never loops.

One owner drives it: whoever calls `embed_some` for one index must be the only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from iapeer_memory.index.records import Unembedded
from iapeer_memory.search.embedding import Embedder
from iapeer_memory.search.remote import Outcome

WAITS = (60.0, 300.0, 900.0)
"""Seconds to wait after the first, the second, and every further failure in a row."""

BATCH = 32


class Gaps(Protocol):
    """The part of an index writer that a backfill needs."""

    def unembedded(self, limit: int) -> tuple[Unembedded, ...]: ...
    def embed(self, vectors: Sequence[tuple[int, Sequence[float]]]) -> int: ...


@dataclass(frozen=True, slots=True)
class Backfill:
    """What one step came to. `stored`: passages that got a vector. `done`: none is left. `failures`: in a row, with
    this one. `wait`: seconds until the next step is worth trying; 0 at once."""

    outcome: Outcome
    stored: int
    done: bool
    failures: int
    wait: float
    detail: str = ""


def embed_some(writer: Gaps, embedder: Embedder, *, batch: int = BATCH, failures: int = 0) -> Backfill:
    """Embed the oldest passages without a vector. `failures`: what the step before came to. A passage that changed
    meanwhile keeps none. `Writer.use_vectors(embedder.fingerprint)` comes before the first step. Raises IndexBroken,
    IndexFailed."""
    waiting = writer.unembedded(max(1, batch))
    if not waiting:
        return Backfill("ok", 0, done=True, failures=0, wait=0.0)
    made = embedder.of_passages([passage.text for passage in waiting])
    if made.outcome != "ok":
        failed = failures + 1
        wait = WAITS[min(failed, len(WAITS)) - 1]
        return Backfill(made.outcome, 0, done=False, failures=failed, wait=wait, detail=made.detail)
    keys = (passage.key for passage in waiting)
    stored = writer.embed(tuple(zip(keys, made.vectors, strict=True)))
    return Backfill("ok", stored, done=False, failures=0, wait=0.0)
