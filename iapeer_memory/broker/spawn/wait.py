"""How long to wait for a backend that was started: short looks at first, longer ones later, an end in any case.

Never sleeps itself. Source: the running-process broker, adaptive spawn wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SLEEPS_MS = (50, 100, 200, 500, 1_000, 2_000)
"""Between looks; the last one again and again."""
CEILING_MS = 60_000

Verdict = Literal["ready", "dead", "ceiling", "sleep"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do after a look. `sleep_ms`: with sleep."""

    verdict: Verdict
    sleep_ms: int = 0


@dataclass(frozen=True, slots=True)
class SpawnWait:
    """The whole wait."""

    ceiling_ms: int = CEILING_MS
    sleeps_ms: tuple[int, ...] = SLEEPS_MS

    def decide(self, look: int, waited_ms: int, *, ready: bool, alive: bool) -> Decision:
        """After look number `look` (from 0). What is ready counts even when the time is up or the process has gone."""
        if ready:
            return Decision("ready")
        if not alive:
            return Decision("dead")
        left = self.ceiling_ms - waited_ms
        if left <= 0:
            return Decision("ceiling")
        return Decision("sleep", min(left, self.sleeps_ms[min(look, len(self.sleeps_ms) - 1)]))
