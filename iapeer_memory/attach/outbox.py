"""What goes out: frames for connections, in order, and which connections the shell has to look at. No I/O.

Says nothing to a connection that is closed.
"""

from __future__ import annotations

from iapeer_memory.attach import bodies
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.envelope import ERROR, Frame, encoded


class Outbox:
    """Of a router, for all its connections."""

    __slots__ = ("_touched",)

    def __init__(self) -> None:
        self._touched: dict[Connection, None] = {}

    def taken(self) -> dict[Connection, None]:
        """Connections with something to write, or to close, or to hold or read on, since last asked."""
        touched, self._touched = self._touched, {}
        return touched

    def touch(self, connection: Connection) -> None:
        """The shell is to look at it."""
        self._touched[connection] = None

    def write(self, connection: Connection, raw: bytes) -> None:
        """Pass a frame on as it came."""
        if not connection.closed:
            connection.out.append(raw)
            connection.unsent += len(raw)
            self._touched[connection] = None

    def send(self, connection: Connection, kind: int, channel: int, corr: int, body: bytes = b"") -> None:
        """Say something of our own."""
        self.write(connection, encoded(kind, channel, corr, body))

    def error(self, connection: Connection, frame: Frame, code: str, message: str) -> None:
        """Answer a frame with an ERROR."""
        self.send(connection, ERROR, frame.channel, frame.corr, bodies.error_body(code, message))

    def hold(self, client: Connection, module: Connection) -> None:
        """Read no more of a client until a module has read what it was sent."""
        client.held = True
        module.holding.add(client)
        self.touch(client)

    def read_on(self, module: Connection) -> None:
        """Read on, of all that are held for a module."""
        for client in module.holding:
            client.held = False
            self.touch(client)
        module.holding.clear()
