"""The doors of the broker: who comes in, how many at once, and everybody out at the end.

A client of another user is dropped before a byte of it is read. Over the limit of connections, and when descriptors
run out, those that have been silent longest are refused in favour of new ones, so that nobody can keep others out by
being slow. Never looks at what is said.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from iapeer_memory.broker.server.connections import Connections
from iapeer_memory.broker.server.pressure import FdPressure
from iapeer_memory.broker.server.screen import Generation, Peer
from iapeer_memory.brokerd.desk import Desk
from iapeer_memory.brokerd.serve import Acceptor, Line
from iapeer_memory.brokerd.talk import BrokerTalk
from iapeer_memory.egress.local_sockets import peer_credentials

if TYPE_CHECKING:
    import socket

POLL_SECONDS = 0.01
SHED = 8
"""Silent connections that are given up at once when descriptors run out."""


class Front:
    """Sockets of the broker. `owners`: whose connections are served; nobody's when empty."""

    def __init__(self, desk: Desk, owners: frozenset[int], *, hello_seconds: float, most_open: int) -> None:
        self._desk = desk
        self._owners = owners
        self._hello_seconds = hello_seconds
        self._most_open = most_open
        self._lines: dict[Line, None] = {}
        self._acceptors: list[Acceptor] = []

    @property
    def _connections(self) -> Connections:
        return self._desk.router.connections

    @property
    def _pressure(self) -> FdPressure:
        return self._desk.router.pressure

    def open(self, listener: socket.socket, generation: Generation) -> None:
        """Serve that listener."""
        self._acceptors.append(Acceptor(listener, lambda stream: self._take(stream, generation), self._exhausted))

    def stop(self) -> None:
        """Accept nobody any more, and have those decide who have not said what they want."""
        for acceptor in self._acceptors:
            acceptor.stop()
        for line in list(self._lines):
            if line.waiting:
                line.hurry()

    async def empty(self, deadline: float) -> None:
        """Wait until everybody has had their answer; whoever has not by then is cut off. `deadline`: of the loop."""
        loop = asyncio.get_running_loop()
        while self._lines and loop.time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        for line in list(self._lines):
            line.close()

    def _take(self, stream: socket.socket, generation: Generation) -> None:
        self._pressure.accepted()
        try:
            who = peer_credentials(stream)
        except OSError:
            who = None
        if who is None or who.uid not in self._owners:
            self._connections.dropped()
            stream.close()
            return
        if len(self._lines) >= self._most_open:
            self._make_room()
        line = Line(stream, self._closed)
        self._lines[line] = None
        self._connections.opened()
        line.open(BrokerTalk(self._desk, Peer(who.uid, who.pid), generation, line), self._hello_seconds)

    def _exhausted(self) -> int:
        """No descriptor is left: how many milliseconds to leave the queue alone."""
        pause = self._pressure.failed()
        for _ in range(SHED):
            self._make_room()
        return pause

    def _make_room(self) -> None:
        for line in self._lines:
            if line.waiting:
                line.hurry()
                line.close()
                return

    def _closed(self, line: Line) -> None:
        self._lines.pop(line, None)
        self._connections.closed()
