"""What happened to backends lately: a short memory for the operator, newest last. Never on disk.

Source of the names: the running-process broker, lifecycle events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.broker.server.backends import BackendKey
from iapeer_memory.broker.server.refusals import one_line

KEPT = 64
Kind = Literal["SPAWN", "SPAWN_ATTEMPT", "DIED_CRASH", "DIED_IDLE", "DIED_SHUTDOWN"]
"""SPAWN_ATTEMPT: one that came to nothing."""
SEVERITY: dict[Kind, str] = {
    "SPAWN": "INFO",
    "SPAWN_ATTEMPT": "ERROR",
    "DIED_CRASH": "ERROR",
    "DIED_IDLE": "INFO",
    "DIED_SHUTDOWN": "INFO",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One. `at_ms`: since the epoch. `pid`: 0 where there is none."""

    at_ms: int
    kind: Kind
    key: BackendKey
    pid: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        """As `dump` shows it."""
        return {
            "ts_ms": self.at_ms,
            "kind": self.kind,
            "severity_text": SEVERITY[self.kind],
            "service_name": self.key.service,
            "service_version": self.key.version,
            "broker_instance": self.key.instance,
            "pid": self.pid,
            "reason": self.reason,
        }


class Recent:
    """The last of them. `now_ms`: milliseconds since the epoch."""

    __slots__ = ("_events", "_now_ms")

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._now_ms = now_ms

    def add(self, kind: Kind, key: BackendKey, pid: int = 0, reason: str = "") -> None:
        """It has just happened."""
        self._events.append(Event(self._now_ms(), kind, key, pid, one_line(reason)))

    def all(self) -> tuple[Event, ...]:
        """The oldest first."""
        return tuple(self._events)

    def last_error(self, key: BackendKey) -> str | None:
        """What went wrong last with that backend; None when nothing did."""
        for event in reversed(self._events):
            if event.key == key and SEVERITY[event.kind] == "ERROR":
                return event.reason or "it ended unasked"
        return None
