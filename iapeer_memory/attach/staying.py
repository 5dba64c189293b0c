"""A module that stays registered with a router of another process, through every restart of that one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from iapeer_memory.attach.client_wire import LONGEST_WAIT, pause_before
from iapeer_memory.attach.errors import AttachFailed
from iapeer_memory.attach.module import Module

PATIENCE = 5.0
"""Seconds for a router to take a module on."""


async def stay_registered(
    make: Callable[[], Module],
    connect: Callable[[Module], Awaitable[object]],
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Until it is cancelled; it then says GOODBYE. `make`: a new module for each attempt, with the same `once`.

    `connect`: connects it, or raises OSError. `told`: hears once why there is no router, and again when that changes.
    """
    attempt, last = 0, ""
    while True:
        module = make()
        try:
            async with asyncio.timeout(PATIENCE):
                await connect(module)
                await module.registered()
            attempt, last = 0, ""
            await module.closed()
            why = "the router hung up"
        except (OSError, AttachFailed) as error:
            why = error.line() if isinstance(error, AttachFailed) else f"{type(error).__name__}: {error}"
        finally:
            module.close()
        if why != last:
            told(why)
        last = why
        attempt += 1
        await asyncio.sleep(min(pause_before(attempt), LONGEST_WAIT))
