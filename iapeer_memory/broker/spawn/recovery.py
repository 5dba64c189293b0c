"""What to do about a backend that crashed: start it again once, soon; a second crash leaves it down for a while.

Never starts anything. Times are milliseconds of a monotonic clock. Source: the running-process broker, crash recovery.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

WINDOW_MS = 30_000
BACK_OFF_MS = 250

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Crash:
    """One crash: start it again after `retry_ms`, or, where that is None, not before `refuse_ms` are over."""

    retry_ms: int | None
    refuse_ms: int = 0


class Recovery(Generic[K]):
    """Counts crashes in fixed windows, one a key. A window that passes without a second crash is forgotten."""

    __slots__ = ("_crashes", "back_off_ms", "window_ms")

    def __init__(self, window_ms: int = WINDOW_MS, back_off_ms: int = BACK_OFF_MS) -> None:
        self.window_ms = window_ms
        self.back_off_ms = back_off_ms
        self._crashes: dict[K, tuple[int, int]] = {}

    def crashed(self, key: K, now_ms: int) -> Crash:
        """It ended and nobody had asked it to."""
        began, count = self._crashes.get(key, (now_ms, 0))
        if now_ms - began >= self.window_ms:
            began, count = now_ms, 0
        if count == 0:
            self._crashes = {k: c for k, c in self._crashes.items() if now_ms - c[0] < self.window_ms}
        self._crashes[key] = (began, count + 1)
        if count == 0:
            return Crash(self.back_off_ms)
        return Crash(None, max(1, began + self.window_ms - now_ms))

    def refused_for(self, key: K, now_ms: int) -> int:
        """For how many milliseconds it stays down; 0: it may be started."""
        began, count = self._crashes.get(key, (now_ms, 0))
        return max(0, began + self.window_ms - now_ms) if count > 1 else 0

    def settled(self, key: K) -> None:
        """It was stopped in order: what happened before does not count."""
        self._crashes.pop(key, None)
