"""Gives vectors to the passages that have none, in the background. The only one who does.

The model server is asked in a thread of its own: neither a pass nor a search waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from iapeer_memory.index.port import IndexBroken, IndexFailed, Writer
from iapeer_memory.index.records import Unembedded
from iapeer_memory.memoryd.health import Condition
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.models import Models
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.search.backfill import embed_some

RETRY = 60.0
T = TypeVar("T")


class Ferry:
    """The index writer for another thread: each call is brought over to the writer's own. Implements `Gaps`."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, condition: Condition) -> None:
        self._store = store
        self._loop = loop
        self._condition = condition

    def unembedded(self, limit: int) -> tuple[Unembedded, ...]:
        """As the writer's."""
        waiting, self._condition.unembedded = self._across(
            lambda writer: (writer.unembedded(limit), writer.unembedded_count())
        )
        return waiting

    def embed(self, vectors: Sequence[tuple[int, Sequence[float]]]) -> int:
        """As the writer's."""
        return self._across(lambda writer: writer.embed(vectors))

    def _across(self, work: Callable[[Writer], T]) -> T:
        return asyncio.run_coroutine_threadsafe(self._store.write(work), self._loop).result()


class Backfill:
    """Runs while the daemon runs; without an embedder it does nothing."""

    def __init__(self, store: Store, models: Models, condition: Condition, log: Log) -> None:
        self._store = store
        self._models = models
        self._condition = condition
        self._log = log
        self._due = asyncio.Event()

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
        ferry = Ferry(self._store, asyncio.get_running_loop(), self._condition)
        failures = 0
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._store.write(lambda writer: writer.use_vectors(embedder.fingerprint))
                while True:
                    batch = partial(embed_some, ferry, embedder, batch=self._models.batch, failures=failures)
                    step = await asking.call(batch)
                    if step.done:
                        break
                    failures = step.failures
                    if step.outcome != "ok":
                        why = f"{step.outcome}: {step.detail}" if step.detail else step.outcome
                        self._log.warn(f"no vectors ({why}); again in {step.wait:g} s")
                    await asyncio.sleep(step.wait)
            except (IndexBroken, IndexFailed) as error:
                self._log.warn(f"no vectors for now: {error.line()}")
                await asyncio.sleep(RETRY)
                self._due.set()
