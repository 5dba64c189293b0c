"""Whether the filesystem under a daemon's data still has room for files. Pure: the counts come from outside.

A filesystem without a fixed number of inodes tells zero: it is not applicable, never full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WARN_BELOW = 0.05
FAIL_BELOW = 0.01
Verdict = Literal["ok", "warn", "fail", "not applicable"]


@dataclass(frozen=True, slots=True)
class InodeHealth:
    """The room for files. `total` and `free`: inodes; both 0 where there is no such count."""

    total: int
    free: int

    @property
    def supported(self) -> bool:
        """Whether the filesystem counts inodes."""
        return self.total > 0

    @property
    def used(self) -> int:
        """Inodes that are taken, or that we may not have."""
        return max(self.total - self.free, 0)

    @property
    def used_ratio(self) -> float:
        """From 0.0 to 1.0; 0.0 where there is no count."""
        return self.used / self.total if self.supported else 0.0

    @property
    def verdict(self) -> Verdict:
        """Under 5 % free warns, under 1 % fails."""
        if not self.supported:
            return "not applicable"
        free = self.free / self.total
        return "fail" if free < FAIL_BELOW else "warn" if free < WARN_BELOW else "ok"
