"""How often one backend may be started in a window of time, and that only one start of it is under way.

Never starts anything. Times are milliseconds of a monotonic clock. Source: the running-process broker, spawn
coordination.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

ATTEMPTS = 3
WINDOW_MS = 30_000

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether an attempt was granted; if not, after how long to ask again. `storm`: the first refusal of a window."""

    granted: bool
    retry_after_ms: int = 0
    storm: bool = False


@dataclass(slots=True)
class Window:
    """What one key has used up."""

    began_ms: int
    used: int = 0
    told: bool = False


class SpawnBudget(Generic[K]):
    """Fixed windows, one a key; a start that worked empties its own."""

    __slots__ = ("_windows", "attempts", "taken", "window_ms")

    def __init__(self, attempts: int = ATTEMPTS, window_ms: int = WINDOW_MS) -> None:
        self.attempts = attempts
        self.window_ms = window_ms
        self.taken = 0
        self._windows: dict[K, Window] = {}

    def take(self, key: K, now_ms: int) -> Taken:
        """Count an attempt, if one is left."""
        window = self._window(key, now_ms)
        if window.used >= self.attempts:
            storm, window.told = not window.told, True
            return Taken(False, max(1, window.began_ms + self.window_ms - now_ms), storm)
        window.used += 1
        self.taken += 1
        return Taken(True)

    def succeeded(self, key: K) -> None:
        """The start worked."""
        self._windows.pop(key, None)

    def used(self, now_ms: int) -> Iterator[tuple[K, int, int]]:
        """(key, attempts used, milliseconds until it may try again: 0 while one is left) of every open window."""
        for key, window in self._windows.items():
            left = window.began_ms + self.window_ms - now_ms
            if left > 0:
                yield key, window.used, left if window.used >= self.attempts else 0

    def _window(self, key: K, now_ms: int) -> Window:
        window = self._windows.get(key)
        if window is None or now_ms - window.began_ms >= self.window_ms:
            # Keys hold the hash of a build: those that are over would pile up.
            self._windows = {k: w for k, w in self._windows.items() if now_ms - w.began_ms < self.window_ms}
            window = self._windows[key] = Window(now_ms)
        return window


class SingleFlight(Generic[K]):
    """Which keys are being started."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: set[K] = set()

    def __contains__(self, key: K) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def begin(self, key: K) -> bool:
        """Whether this caller is the one who starts it."""
        if key in self._keys:
            return False
        self._keys.add(key)
        return True

    def end(self, key: K) -> None:
        """It is started, or it is not going to be."""
        self._keys.discard(key)
