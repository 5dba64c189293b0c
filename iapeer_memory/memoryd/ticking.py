"""Fires the curator ticks at their time by the wall clock, and tends what is due now and then.

The only place from which memoryd says anything on stdout. Never runs beside a pass: notes are tended one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from iapeer_memory.domain.door import Clock
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.tending import Tending

LOOK = 30.0
"""Seconds between two looks at the clock, which may have been set, or have gone on while the machine slept."""


class Ticking:
    """`period`: milliseconds between ticks. `emit`: writes the line; None: nobody receives it, and the tick only
    moves on."""

    def __init__(
        self,
        store: Store,
        tending: Tending,
        clock: Clock,
        *,
        period: int,
        emit: Callable[[bytes], None] | None,
        log: Log,
    ) -> None:
        self._store = store
        self._tending = tending
        self._clock = clock
        self._period = period
        self._emit = emit
        self._log = log

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = self._clock.now() + await self._wait()
            while (left := due - self._clock.now()) > 0:
                if left > self._period / 1000:  # the clock was set back: a tick is never further than a period
                    break
                await asyncio.sleep(min(left, LOOK))
            else:
                await self._tick()

    async def _wait(self) -> float:
        return await self._store.beside(lambda: self._tending.next_tick(self._period))

    async def _tick(self) -> None:
        line = await self._store.beside(self._tending.tick)
        if not line:
            return
        if self._emit is None:
            self._log.info(f"curator tick: {self._tending.facts.queue} notes wait; no curator is woken")
            return
        try:
            self._emit(line)
            self._log.info(f"curator tick: {self._tending.facts.queue} notes wait, told on stdout")
        except (OSError, ProductError) as error:
            self._log.warn(f"curator tick: nobody reads stdout ({error})")
