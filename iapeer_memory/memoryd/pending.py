"""What changed in the vault and waits for a pass, and when that is due. Pure; the time is handed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pending:
    """What changed and when it is due: `debounce` after the last change, at most `most` after the first."""

    debounce: float
    most: float
    paths: set[str] = field(default_factory=set)
    first: float = 0.0
    last: float = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        """Note changes."""
        if not self.paths:
            self.first = now
        self.paths.update(paths)
        self.last = now

    def due(self) -> float | None:
        """When to look, None when nothing changed."""
        return min(self.last + self.debounce, self.first + self.most) if self.paths else None

    def take(self) -> set[str]:
        """All of it; nothing is left."""
        taken, self.paths = self.paths, set()
        return taken
