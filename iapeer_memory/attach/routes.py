"""One route, as the router keeps it: who is at its ends, what is under way, and what waits for a credit. Pure.

A REQUEST from the client takes a credit, the module's answer to it gives it back. Without a credit left a request
waits in the router, and what belongs behind it waits with it: a PUSH, and streams of a call that waits. Answers, and
whatever ends or feeds a call under way, pass: they are what frees a credit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iapeer_memory.attach.envelope import PUSH, REQUEST, STREAM_DATA, STREAM_END, Frame

if TYPE_CHECKING:
    from iapeer_memory.attach.bodies import Identity
    from iapeer_memory.attach.connection import Connection

MOST_WAITING = 4 << 20
"""Bytes that may wait on a route before another request is refused."""
BEHIND = frozenset((STREAM_DATA, STREAM_END))


@dataclass(frozen=True, slots=True)
class Session:
    """A route as it is listed. `age`: seconds. `last_error`: the body of the newest ERROR frame, cut; "" for none."""

    channel: int
    identity: Identity
    uid: int
    pid: int
    age: float
    calls: int
    waiting: int
    status: str | None
    last_error: bytes


class Route:
    """Bound once to a client and a module."""

    __slots__ = (
        "_credits", "_queue", "_queued", "_under_way", "calls", "channel", "client", "identity", "last_error", "module",
        "opened",
    )  # fmt: skip

    def __init__(
        self, channel: int, identity: Identity, client: Connection, module: Connection, credits: int, opened: float
    ) -> None:
        self.channel = channel
        self.identity = identity
        self.client = client
        self.module = module
        self.opened = opened
        self.calls = 0
        self.last_error = b""
        self._credits = credits
        self._under_way: dict[int, int] = {}
        self._queue: deque[Frame] = deque()
        self._queued = 0

    def session(self, now: float, status: str | None) -> Session:
        """As it is listed."""
        who, client, age = self.identity, self.client, now - self.opened
        waiting = len(self._queue)
        return Session(
            self.channel, who, client.uid, client.pid, age, self.calls, waiting, status, self.last_error
        )  # fmt: skip

    def goes(self, frame: Frame) -> bool | None:
        """Whether a frame of the client goes to the module now; else it waits. None: too much waits, it is refused."""
        kind = frame.kind
        if kind == REQUEST:
            self.calls += 1
            if self._credits and not self._queue:
                self._start(frame.corr)
                return True
        elif not self._queue or not self._is_behind(kind, frame.corr):
            return True
        if self._queued >= MOST_WAITING:
            return None
        self._queue.append(frame)
        self._queued += len(frame.raw)
        return False

    def ended(self, corr: int) -> list[Frame]:
        """The module has answered a request: what goes to it now. An answer to nothing changes nothing."""
        count = self._under_way.get(corr)
        if count is None:
            return []
        if count == 1:
            del self._under_way[corr]
        else:
            self._under_way[corr] = count - 1
        self._credits += 1
        if not self._queue:
            return []
        ready: list[Frame] = []
        while self._queue and (self._credits or self._queue[0].kind != REQUEST):
            frame = self._queue.popleft()
            self._queued -= len(frame.raw)
            if frame.kind == REQUEST:
                self._start(frame.corr)
            ready.append(frame)
        return ready

    def withdrawn(self, corr: int) -> bool:
        """Take a request that still waits out of the queue, with what belongs to it; False where none does."""
        if not any(frame.kind == REQUEST and frame.corr == corr for frame in self._queue):
            return False
        left = [frame for frame in self._queue if frame.kind == PUSH or frame.corr != corr]
        self._queue = deque(left)
        self._queued = sum(len(frame.raw) for frame in left)
        return True

    def owed(self) -> list[int]:
        """The requests that have no answer yet, those that wait included."""
        return [*self._under_way, *(frame.corr for frame in self._queue if frame.kind == REQUEST)]

    def _start(self, corr: int) -> None:
        self._credits -= 1
        self._under_way[corr] = self._under_way.get(corr, 0) + 1

    def _is_behind(self, kind: int, corr: int) -> bool:
        if kind == PUSH:
            return True
        return kind in BEHIND and any(frame.kind == REQUEST and frame.corr == corr for frame in self._queue)
