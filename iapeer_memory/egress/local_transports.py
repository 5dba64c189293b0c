"""Unix sockets for an event loop, as asyncio's transports and protocols: no task between a socket and its wire."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TypeVar

from iapeer_memory.egress.local_sockets import BACKLOG, RETRY_SECONDS

P = TypeVar("P", bound=asyncio.BaseProtocol)


async def serve_transports(
    listener: socket.socket, factory: Callable[[], asyncio.BaseProtocol], *, backlog: int = BACKLOG
) -> asyncio.Server:
    """A protocol of `factory` for every connection, until the server is closed; closing it closes the listener."""
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(factory, sock=listener, backlog=backlog)


async def connect_transport(path: str, factory: Callable[[], P], *, deadline: float) -> tuple[asyncio.Transport, P]:
    """Connect to who listens there. `deadline`: of the loop's clock. Raises TimeoutError, OSError."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.setblocking(False)
        async with asyncio.timeout_at(deadline):
            while not _connected(stream, path):
                await asyncio.sleep(RETRY_SECONDS)
            loop = asyncio.get_running_loop()
            return await loop.create_unix_connection(factory, sock=stream)
    except BaseException:
        stream.close()
        raise


def _connected(stream: socket.socket, path: str) -> bool:
    """Connect; False while the listener's queue is full."""
    try:
        stream.connect(path)
    except BlockingIOError:
        return False
    return True
