"""Which backends nobody has used for long enough that they may be stopped. Never stops one.

Only a backend that asked for it is ever stopped: the one whose own identity names an idle time. Times are milliseconds
of a monotonic clock. Source: the running-process broker, idle coordination.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

K = TypeVar("K")

QuiesceReason = Literal["IdleTimeout", "BrokerShutdown", "Maintenance"]


@dataclass(frozen=True, slots=True)
class Watched(Generic[K]):
    """A backend as it is now. `idle_secs` None: never stopped. `connected`: open connections to it; None: unknown."""

    key: K
    active_ms: int
    idle_secs: int | None
    connected: int | None
    quiesced: bool = False


@dataclass(frozen=True, slots=True)
class Due(Generic[K]):
    """A backend whose time is up."""

    key: K
    reason: QuiesceReason = "IdleTimeout"


def due(watched: Iterable[Watched[K]], now_ms: int) -> tuple[Due[K], ...]:
    """Those to stop now. Who is connected is at work; where that cannot be told, nobody is stopped; one that is being
    stopped already is not named again."""
    return tuple(
        Due(one.key)
        for one in watched
        if one.idle_secs is not None
        and one.connected == 0
        and not one.quiesced
        and now_ms - one.active_ms >= one.idle_secs * 1_000
    )


def connections_in(table: str, path: str) -> int:
    """How many connections a listener's clients hold, from the text of `/proc/net/unix`: its own ends bear its path.

    Source: proc(5) and the kernel's socket states: 03 is connected, 02 is connected and not yet accepted.
    """
    count = 0
    for line in table.splitlines():
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7] == path and fields[5] in ("02", "03"):
            count += 1
    return count
