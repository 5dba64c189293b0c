"""How a broker ends: nobody new comes in, who waits gets an answer, within a time. Never ends a backend.

Told by a signal or by its operator, once; later words change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from iapeer_memory.brokerd.desk import ROUND_SECONDS, Desk
from iapeer_memory.brokerd.front import Front
from iapeer_memory.brokerd.sockets import Sockets
from iapeer_memory.egress.signals import on_stop


class Ending:
    """The word to stop, and how long the end may take."""

    def __init__(self, loop: asyncio.AbstractEventLoop, drain_ms: int) -> None:
        self.loop = loop
        self.drain_ms = drain_ms
        self.told = asyncio.Event()

    def now(self, drain_ms: int | None = None) -> None:
        """Stop. `drain_ms`: the operator's own time for it."""
        if not self.told.is_set():
            self.drain_ms = self.drain_ms if drain_ms is None else drain_ms
            self.told.set()


async def serve_until(
    ending: Ending, desk: Desk, front: Front, sockets: Sockets, *, installed: Callable[[], bool]
) -> None:
    """Make the broker's rounds until it is told to stop, then let everybody out.

    It stops by itself when nobody can find it any more, and when it is no longer `installed`: who took its program away
    may have looked for it where other sockets lie.
    """
    with on_stop(ending.loop, ending.now):
        while not ending.told.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await ending.told.wait()
            try:
                desk.round()
                if not sockets.there():
                    desk.warn("the broker's sockets were taken away")
                    ending.now()
                elif not installed():
                    desk.warn("the broker's program was taken away")
                    ending.now()
            except Exception as error:
                # A round that fails is no reason to stop serving; the next one tries again.
                desk.warn(f"a round of the broker failed: {type(error).__name__}: {error}")
        desk.router.draining = True
        front.stop()
        sockets.leave()
        await front.empty(ending.loop.time() + ending.drain_ms / 1_000)
        desk.close()
