"""Gives vectors to the passages that have none, in the background. The only one who does.

The model server is asked in a thread of its own: neither a pass nor a search waits for it.
"""

from __future__ import annotations

import asyncio

from iapeer_memory.domain.door import Clock
from iapeer_memory.index.port import IndexBroken, IndexFailed
from iapeer_memory.memoryd.health import Condition
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.models import Models
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.search.backfill import WAITS
from iapeer_memory.search.embedding import Embedder

RETRY = 60.0


class Backfill:
    """Runs while the daemon runs; without an embedder it does nothing."""

    def __init__(self, store: Store, models: Models, clock: Clock, condition: Condition, log: Log) -> None:
        self._store = store
        self._models = models
        self._clock = clock
        self._condition = condition
        self._log = log
        self._due = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """The index has changed: there may be passages without a vector."""
        self._due.set()

    async def run(self) -> None:
        """Until cancelled."""
        embedder = self._models.embedder
        if embedder is None:
            await asyncio.Event().wait()
            return
        asking = Worker("memoryd-embedder")
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._store.write(lambda writer: writer.use_vectors(embedder.fingerprint))
                while (wait := await self._step(embedder, asking)) is not None:
                    await asyncio.sleep(wait)
            except (IndexBroken, IndexFailed) as error:
                self._log.warn(f"no vectors for now: {error.line()}")
                await asyncio.sleep(RETRY)
                self._due.set()

    async def _step(self, embedder: Embedder, asking: Worker) -> float | None:
        """One batch; seconds until the next, None when every passage has its vector."""
        waiting = await self._store.write(lambda writer: writer.unembedded(self._models.batch))
        self._condition.unembedded = len(waiting)
        if not waiting:
            return None
        texts = [passage.text for passage in waiting]
        made = await asking.call(lambda: embedder.of_passages(texts))
        if made.outcome != "ok":
            wait = WAITS[min(self._failures, len(WAITS) - 1)]
            self._failures += 1
            self._log.warn(
                f"no vectors ({made.outcome}{f': {made.detail}' if made.detail else ''}); again in {wait:g} s"
            )
            return wait
        self._failures = 0
        pairs = tuple(zip((passage.key for passage in waiting), made.vectors, strict=True))
        await self._store.write(lambda writer: writer.embed(pairs))
        return 0.0
