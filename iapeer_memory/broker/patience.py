"""Trying again, only where a broker's refusal says when. Never on a broken transport, never beyond the deadline.

A client that tries again by itself can freeze a machine; one that was told "in a second" by a broker that is starting
the backend should simply wait that second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from iapeer_memory.broker.client_errors import HelloRefused, HelloTimedOut
from iapeer_memory.domain.door import Clock

SHORTEST = 0.05
"""Seconds between the first two attempts, however little a broker asks for; each time twice as many, up to LONGEST."""
LONGEST = 2.0

T = TypeVar("T")


def wait_before(refused: HelloRefused, *, now: float, deadline: float, attempts: int) -> float | None:
    """Seconds to wait before the next attempt; None when there is none. `attempts`: those that have been made."""
    asked = refused.refusal.wait_seconds
    if asked is None:
        return None
    wait = max(asked, min(LONGEST, SHORTEST * 2 ** min(attempts - 1, 16)))
    return wait if now + wait < deadline else None


def with_patience(attempt: Callable[[], T], *, clock: Clock, deadline: float) -> T:
    """What an attempt gives, repeated as its refusals say. Raises what the last one raised.

    Where the time runs out in the middle of one, that is the refusal before it, which says why.
    """
    made, before = 0, None
    while True:
        made += 1
        try:
            return attempt()
        except HelloTimedOut as late:
            raise before or late from None
        except HelloRefused as refused:
            wait = wait_before(refused, now=clock.monotonic(), deadline=deadline, attempts=made)
            if wait is None:
                raise
            before = refused
        clock.sleep(wait)
