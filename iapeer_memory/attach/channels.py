"""Numbers of routes: 1 to 65535, each as late as possible before it is given out again. Pure.

Version 1 has no epochs: a frame for a route that is gone would reach whoever has its number now. So numbers run on
over all modules and rest after use.
"""

from __future__ import annotations

from collections import OrderedDict

from iapeer_memory.attach.envelope import HIGHEST_CHANNEL

REST = 60.0
"""Seconds that a number which was released is left alone, while there are others."""
SHORTEST_REST = 2.0
"""Seconds that it is left alone in any case."""


class Channels:
    """Which numbers are free. Times are seconds of any clock that runs on."""

    __slots__ = ("_next", "_resting", "_taken")

    def __init__(self) -> None:
        self._next = 1
        self._taken: set[int] = set()
        self._resting: OrderedDict[int, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, now: float) -> int | None:
        """The next free number; None when all are taken or rest."""
        resting = self._resting
        while resting and now - next(iter(resting.values())) >= REST:
            resting.popitem(last=False)
        if len(self._taken) + len(resting) >= HIGHEST_CHANNEL:
            if not resting or now - next(iter(resting.values())) < SHORTEST_REST:
                return None
            number, _ = resting.popitem(last=False)
        else:
            number = self._next
            while number in self._taken or number in resting:
                number = number % HIGHEST_CHANNEL + 1
        self._next = number % HIGHEST_CHANNEL + 1
        self._taken.add(number)
        return number

    def release(self, number: int, now: float) -> None:
        """It is no longer used; it rests."""
        self._taken.discard(number)
        self._resting[number] = now
