"""Unix sockets for an event loop: asyncio's streams over listeners and connections that local_sockets makes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from iapeer_memory.egress.local_sockets import BACKLOG, RETRY_SECONDS

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LIMIT = 1 << 16


async def open_local(
    path: str, *, deadline: float, limit: int = LIMIT
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream to who listens there. `deadline`: of the loop's clock. Raises TimeoutError, OSError."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.setblocking(False)
        async with asyncio.timeout_at(deadline):
            while not _connected(stream, path):
                await asyncio.sleep(RETRY_SECONDS)
            return await asyncio.open_unix_connection(sock=stream, limit=limit)
    except BaseException:
        stream.close()
        raise


async def serve_local(
    listener: socket.socket, handle: Handle, *, limit: int = LIMIT, backlog: int = BACKLOG
) -> asyncio.Server:
    """Serve every connection in a task of its own, until the server is closed; closing it closes the listener."""
    return await asyncio.start_unix_server(handle, sock=listener, limit=limit, backlog=backlog)


def _connected(stream: socket.socket, path: str) -> bool:
    """Connect; False while the listener's queue is full. The loop would take that for a connection under way."""
    try:
        stream.connect(path)
    except BlockingIOError:
        return False
    return True
