"""Decides when peers are brought their contexts: soon after the index has changed, but never most of the time.

A delivery looks at every note once and then at one peer's own after the other's; where that takes long it is done the
less often, in a thread that lets others go first. No pass and no search waits for it: whoever waits for a change has
found it before its delivery begins.
"""

from __future__ import annotations

import asyncio
from functools import partial

from iapeer_memory.context.survey import Survey
from iapeer_memory.domain.door import Clock
from iapeer_memory.egress.priority import step_back
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
        delivery, ask = self._delivery, self._store.ask
        fleet = await self._hand.call(delivery.fleet)
        peers = fleet.peers if fleet is not None else ()
        seen = await ask(lambda reader: delivery.survey(reader, peers)) if peers else Survey({}, (), ())
        await self._hand.call(lambda: delivery.begin(seen))
        if fleet is None:
            return
        for peer in peers:
            mine = await ask(partial(delivery.own, peer=peer))
            await self._hand.call(partial(delivery.bring, peer, mine))
        await self._hand.call(delivery.end)
