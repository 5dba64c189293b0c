"""Decides when peers are brought their contexts: soon after the index has changed, but never most of the time.

A delivery reads all summaries; where that takes long it is done the less often, in a thread that lets others go first.
No pass and no search waits for it: whoever waits for a change has found it before its delivery begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from iapeer_memory.domain.door import Clock
from iapeer_memory.egress.priority import step_back
from iapeer_memory.index.port import NoteSummary, Reader
from iapeer_memory.memoryd.delivery import Delivery
from iapeer_memory.memoryd.keeper import words_of
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.worker import Worker

PAUSE = 0.5
"""Seconds between a change and its delivery."""

REST = 6
"""How many times as long as a delivery takes it rests after one."""


class Courier:
    """`wake` after a change; `run` as a task."""

    def __init__(self, store: Store, delivery: Delivery, clock: Clock, log: Log) -> None:
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._log = log
        self._hand = Worker("memoryd-courier", first=step_back)
        self._due = asyncio.Event()

    def wake(self) -> None:
        """Every context is due."""
        self._due.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._due.wait()
            await asyncio.sleep(PAUSE)
            self._due.clear()
            began = self._clock.monotonic()
            try:
                await self._deliver()
            except Exception as error:  # a context that cannot be made must not take the daemon down with it
                self._log.warn(f"contexts are not brought: {words_of(error)}")
            await asyncio.sleep(REST * (self._clock.monotonic() - began))

    async def alive(self) -> bool:
        """Say that the contexts are watched over; False when one is missing and all are due."""
        return await self._hand.call(self._delivery.alive)

    async def still(self) -> None:
        """Wait until no file is being written any more."""
        await self._hand.still()

    async def _deliver(self) -> None:
        fleet = await self._hand.call(self._delivery.fleet)
        nothing: tuple[tuple[NoteSummary, ...], Mapping[str, int]] = (), {}
        summaries, linked = await self._store.ask(everything) if fleet and fleet.peers else nothing
        await self._hand.call(lambda: self._delivery.deliver(fleet, summaries, linked))


def everything(reader: Reader) -> tuple[tuple[NoteSummary, ...], Mapping[str, int]]:
    """What contexts are made from."""
    return reader.summaries(), reader.linked()
