"""The curator tick: when the next one is due, and the one line that it says. Pure.

Anchored to the wall clock and remembered, so that restarts neither starve it nor make it fire twice. Source: the
reference core's CURATOR_TICK (a prefix, a compact JSON array of absolute paths, nothing else ever on stdout).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.curation.queue import PAGE, Waiting, page

PREFIX = "CURATOR_TICK: "
PERIOD_MS = 6 * 3600 * 1000
FLOOR_MS = 60_000


@dataclass(frozen=True, slots=True)
class Tick:
    """`line`: what to write to stdout, b"" for an empty queue. `offered`: what to remember of it."""

    line: bytes
    offered: Mapping[str, int]


def delay(anchor: int | None, now: int, period: int = PERIOD_MS) -> int:
    """Milliseconds until the next tick; all times are epoch ms. `anchor` None: the first tick is a period away.

    Never longer than a period (a clock that was set back), never at once (a restart that is overdue waits the floor:
    a minute, or a twentieth of a shorter period).
    """
    period = max(period, 1)
    floor = min(FLOOR_MS, max(1, period // 20))
    return period if anchor is None else min(max(anchor + period - now, floor), period)


def tick(queue: Sequence[Waiting], offered: Mapping[str, int], now: int, root: str, *, size: int = PAGE) -> Tick:
    """One tick over the queue. `now`: epoch ms. `root`: the vault's absolute path."""
    told = page(queue, offered, size)
    waiting = {note.path for note in queue}
    remembered = {path: when for path, when in offered.items() if path in waiting}
    remembered.update(dict.fromkeys(told, now))
    return Tick(line(f"{root.rstrip('/')}/{path}" for path in told), remembered)


def line(paths: Iterable[str]) -> bytes:
    """The event as it is written, b"" without paths."""
    told = list(paths)
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return f"{PREFIX}{text}\n".encode() if told else b""
