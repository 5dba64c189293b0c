"""Stale notes on their way to the archive: when each is to be looked at next. Touches no file."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

AT_ONCE = 256
"""Notes that are looked at in one step: a change that somebody waits for comes between two of them."""


@dataclass(slots=True)
class Shelf:
    """Path → when it is due, on the monotonic clock. `again`: seconds after which a note that nobody settled and whose
    time is not known is due once more."""

    again: float
    _due: dict[str, float] = field(default_factory=dict)
    _first: float | None = None
    _barred: float = 0.0

    def only(self, paths: Collection[str]) -> None:
        """Forget all others."""
        kept = {path: at for path, at in self._due.items() if path in paths}
        self._set(kept)

    def add(self, paths: Iterable[str], now: float) -> None:
        """These are due now."""
        self._set(self._due | dict.fromkeys(paths, now))

    @property
    def first(self) -> float | None:
        """When the first one is due; None where none waits."""
        return None if self._first is None else max(self._first, self._barred)

    def take(self, now: float) -> frozenset[str]:
        """Some of those that are due."""
        taken: set[str] = set()
        for path, at in self._due.items():
            if at <= now:
                taken.add(path)
                if len(taken) >= AT_ONCE:
                    break
        return frozenset(taken)

    def told(self, taken: Collection[str], settled: Collection[str], wait: float | None, now: float) -> None:
        """What came of those that were taken: `settled` need no further look, the others wait so many seconds."""
        later = now + (self.again if wait is None else wait)
        due = self._due | dict.fromkeys(taken, later)
        self._set({path: at for path, at in due.items() if path not in settled})

    def bar(self, now: float) -> None:
        """Nothing can be moved at present, whatever is due."""
        self._barred = now + self.again

    def _set(self, due: dict[str, float]) -> None:
        self._due = due
        self._first = min(due.values(), default=None)
