"""The router on a Unix socket: asyncio around `router`, and modules of the same process joined to it without one.

Only our own user is let in. Looks folders up in threads, so that a slow disk holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from iapeer_memory.attach.attaching import Attaching
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.identity import Root, resolved_root
from iapeer_memory.attach.link import Link, LinkEnd
from iapeer_memory.attach.reading import SIZE, Reading
from iapeer_memory.attach.router import Router
from iapeer_memory.attach.routes import Session
from iapeer_memory.egress.local_sockets import Credentials, peer_credentials
from iapeer_memory.egress.local_transports import serve_transports

if TYPE_CHECKING:
    from socket import socket

    from iapeer_memory.attach.module import Module
    from iapeer_memory.domain.door import Files

MOST_CONNECTIONS = 4096
LOOKUPS = 8
HIGH_WATER = 1 << 18


class RouterServer:
    """`uid`: whose sessions it serves. `serve` may be called once; `join` any time; `close` ends both."""

    def __init__(
        self, files: Files, *, uid: int, credentials: Callable[[socket], Credentials] = peer_credentials
    ) -> None:
        self.router = Router()
        self._files = files
        self._uid = uid
        self._credentials = credentials
        self._wires: dict[Connection, _Socket | Link] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settling = False
        self._buffer = memoryview(bytearray(SIZE))

    async def serve(self, listener: socket) -> None:
        """Take connections from a socket that listens already, and own it from now on; returns at once."""
        self._server = await serve_transports(listener, lambda: _Socket(self, self._buffer))

    def join(self, module: Module) -> None:
        """Register a module that lives in this process, over the same wire without a socket."""
        self.now()
        connection = self.router.connected(self._uid, 0)
        link = Link(self, module, connection)
        self.hang(connection, link)
        module.connection_made(LinkEnd(link))

    def sessions(self) -> tuple[Session, ...]:
        """Who is attached."""
        return self.router.sessions(self.now()) if self._loop is not None else ()

    async def close(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._server is not None:
            self._server.close()
        for wire in list(self._wires.values()):
            wire.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
        await asyncio.sleep(0)

    def now(self) -> float:
        """The loop's clock."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    def let_in(self, stream: Any) -> Connection | None:
        """A connection for who has come; None for a stranger, or when there are too many."""
        try:
            who = self._credentials(stream)
        except OSError:
            return None
        if who.uid != self._uid or len(self._wires) >= MOST_CONNECTIONS:
            return None
        return self.router.connected(who.uid, who.pid)

    def hang(self, connection: Connection, wire: _Socket | Link) -> None:
        """From now on this is how the connection is written to."""
        self._wires[connection] = wire

    def lost(self, connection: Connection) -> None:
        """It is gone."""
        del self._wires[connection]
        self.router.ended(connection, self.now())
        self.settle()

    def came(self, connection: Connection, data: bytes) -> None:
        """Bytes have come."""
        self.router.received(connection, data, self.now())
        self.settle()

    def settle(self) -> None:
        """Do what the router wants done."""
        if self._settling:
            return
        self._settling = True
        links = self._write_out()
        self._settling = False
        router = self.router
        for attaching in router.questions():
            self._look_up(attaching)
        if self._timer is None and (deadline := router.deadline()) is not None and self._loop is not None:
            self._timer = self._loop.call_at(deadline, self._expire)
        for link in links:
            link.deliver()

    def _write_out(self) -> list[Link]:
        """Hand over what connections have to send; modules of this process are named, to be given theirs later."""
        router = self.router
        links: list[Link] = []
        while touched := router.touched():
            for connection in touched:
                wire = self._wires.get(connection)
                if wire is None:
                    continue
                if connection.out:
                    data = connection.out[0] if len(connection.out) == 1 else b"".join(connection.out)
                    connection.out.clear()
                    router.wrote(connection, wire.write(data))
                    if isinstance(wire, Link):
                        links.append(wire)
                if connection.closed:
                    wire.close()
                elif connection.held is not wire.held:
                    wire.hold(connection.held)
        return links

    def _expire(self) -> None:
        self._timer = None
        self.router.expire(self.now())
        self.settle()

    def _look_up(self, attaching: Attaching) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(LOOKUPS, "attach-root")
        loop = asyncio.get_running_loop()

        def look() -> None:
            try:
                root = resolved_root(self._files, attaching.root_wanted)
            except Exception as error:
                root = Root("", f"failed to canonicalize project root: {type(error).__name__}")
            with suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(self._found, attaching, root)

        self._pool.submit(look)

    def _found(self, attaching: Attaching, root: Root) -> None:
        self.router.found(attaching, root, self.now())
        self.settle()


class _Socket(Reading):
    """One connection of the socket."""

    __slots__ = ("_connection", "_server", "_transport", "held")

    def __init__(self, server: RouterServer, buffer: memoryview) -> None:
        super().__init__(buffer)
        self._server = server
        self._connection: Connection | None = None
        self._transport: asyncio.Transport | None = None
        self.held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        connection = self._server.let_in(transport.get_extra_info("socket"))
        if connection is None:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=HIGH_WATER, low=0)
        self._transport = transport
        self._connection = connection
        self._server.hang(connection, self)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None and not self._connection.closed:
            self._server.came(self._connection, data)

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._server.router.wrote(self._connection, 0)
            self._server.settle()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.lost(self._connection)
            self._connection = None
        self._transport = None

    def write(self, data: bytes) -> int:
        """Send it; how much the other end has not taken yet."""
        if self._transport is None or self._transport.is_closing():
            return 0
        self._transport.write(data)
        return self._transport.get_write_buffer_size()

    def hold(self, held: bool) -> None:
        """Read no more, or read on."""
        self.held = held
        if self._transport is not None and not self._transport.is_closing():
            if held:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def close(self) -> None:
        """Hang up; what it has not read by now is lost."""
        if self._transport is not None:
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()
