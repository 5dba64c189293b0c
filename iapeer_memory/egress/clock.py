"""The clock channel: the host's time. Never sets it."""

from __future__ import annotations

import time


class RealClock:
    """Implements `domain.door.Clock`."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that nobody sets back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; nothing for zero or less."""
        if seconds > 0:
            time.sleep(seconds)
