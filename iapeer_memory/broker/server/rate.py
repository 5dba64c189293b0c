"""How many Hellos one process may send in a window of time. One limiter serves every connection of a broker.

Never counts a peer whose process the kernel did not name: pid 0. Times are milliseconds of a monotonic clock.
"""

from __future__ import annotations

LIMIT = 256
WINDOW_MS = 1_000
MANY = 1_024
"""Beyond so many counted processes, those whose window is over are forgotten."""


class RateLimiter:
    """Fixed windows, one a process. `limit` 0: no limit."""

    __slots__ = ("_limit", "_window_ms", "_windows")

    def __init__(self, limit: int = LIMIT, window_ms: int = WINDOW_MS) -> None:
        self._limit = limit
        self._window_ms = window_ms
        self._windows: dict[int, tuple[int, int]] = {}

    @property
    def limit(self) -> int:
        """Hellos a window; 0: any number."""
        return self._limit

    @property
    def window_ms(self) -> int:
        """How long a window is."""
        return self._window_ms

    def take(self, pid: int, now_ms: int) -> int:
        """Count one Hello: 0 when it may go on, else the milliseconds until the window ends (at least 1)."""
        if not self._limit or not pid:
            return 0
        began, count = self._windows.get(pid, (now_ms, 0))
        if now_ms - began >= self._window_ms:
            began, count = now_ms, 0
        if count >= self._limit:
            return max(1, began + self._window_ms - now_ms)
        if len(self._windows) >= MANY and pid not in self._windows:
            self._forget(now_ms)
        self._windows[pid] = (began, count + 1)
        return 0

    def _forget(self, now_ms: int) -> None:
        self._windows = {pid: kept for pid, kept in self._windows.items() if now_ms - kept[0] < self._window_ms}
