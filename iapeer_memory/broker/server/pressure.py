"""Whether the broker has file descriptors to spare. While it has not, it refuses Hellos and still answers its operator.

Never accepts and never waits itself: the accept loop asks.
"""

from __future__ import annotations

BACK_OFF_MS = 50
STREAK = 3
"""Connections in a row that must be accepted before Hellos are served again."""


class FdPressure:
    """Two states, demoted or not."""

    __slots__ = ("_good", "demoted", "times")

    def __init__(self) -> None:
        self.demoted = False
        self.times = 0
        self._good = 0

    def failed(self) -> int:
        """No descriptor was left for a connection: how many milliseconds to leave the queue alone."""
        self.times += not self.demoted
        self.demoted = True
        self._good = 0
        return BACK_OFF_MS

    def accepted(self) -> None:
        """A connection was accepted."""
        if self.demoted:
            self._good += 1
            self.demoted = self._good < STREAK
