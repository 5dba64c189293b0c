"""Trying again on an event loop, by the same rules as `patience`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from iapeer_memory.broker.client_errors import HelloRefused, HelloTimedOut
from iapeer_memory.broker.patience import wait_before

T = TypeVar("T")


async def with_patience_async(attempt: Callable[[], Awaitable[T]], *, deadline: float) -> T:
    """What an attempt gives, repeated as its refusals say. `deadline`: of the loop's clock. Raises as the last one."""
    now = asyncio.get_running_loop().time
    made, before = 0, None
    while True:
        made += 1
        try:
            return await attempt()
        except HelloTimedOut as late:
            raise before or late from None
        except HelloRefused as refused:
            wait = wait_before(refused, now=now(), deadline=deadline, attempts=made)
            if wait is None:
                raise
            before = refused
        await asyncio.sleep(wait)
