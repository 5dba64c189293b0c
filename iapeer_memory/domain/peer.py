"""Who a peer is: an agent with a folder. Pure.

Source of the name rule: the ecosystem's registry (personality `[a-z][a-z0-9-]{0,31}`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SESSION_RUNTIMES = ("claude", "codex")
"""The harnesses that open sessions, in the order in which they are swept."""

PERSONALITY = re.compile(r"[a-z][a-z0-9-]{0,31}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Peer:
    """One agent: its name, its absolute folder, every runtime it declares, and whether its owner paused it."""

    personality: str
    cwd: str
    runtimes: tuple[str, ...]
    paused: bool = False

    def harnesses(self) -> tuple[str, ...]:
        """The session runtimes among the declared ones, in sweep order."""
        return tuple(r for r in SESSION_RUNTIMES if r in self.runtimes)


def is_personality(text: str) -> bool:
    """Whether the text may name a peer."""
    return PERSONALITY.match(text) is not None
