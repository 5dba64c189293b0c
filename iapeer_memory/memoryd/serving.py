"""The server library, bent to our needs: our listener, our signals, and each connection asked once whose it is.

Never opens a socket, never writes a log of its own, never installs a signal handler.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from iapeer_memory.memoryd.front import STRANGER, Front

if TYPE_CHECKING:
    from socket import socket

PeerUid = Callable[[int, tuple[str, int]], int | None]
"""(our port, the client's address and port) → uid of the client's process, None when it cannot be told."""

KEEP_ALIVE = 30


class QuietServer(uvicorn.Server):
    """A server whose end is ours to say, and that sleeps until it is asked or ended."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop serving. From the server's own loop."""
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Until `end`. The library looks ten times a second, and is the only one who would."""
        await self._ended.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """None: the daemon has its own."""
        yield


def stranger(peer_uid: PeerUid | None, uid: int, ours: int, theirs: tuple[str, int] | None) -> str | None:
    """Why a client is refused; None where it is one of our user's processes. `peer_uid` None: it cannot be asked.
    `theirs` None: the client has gone already."""
    if peer_uid is None:
        return None
    found = None if theirs is None else peer_uid(ours, theirs)
    if found == uid:
        return None
    return "it cannot be told whose client this is" if found is None else "other users of this machine are not served"


def server(front: Front, *, uid: int, peer_uid: PeerUid | None, graceful: float) -> QuietServer:
    """A server for that application; give its `serve` the listener."""

    class Protocol(H11Protocol):
        """HTTP/1.1, with the client's owner looked up when the connection is made, while it is surely alive."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Note whose client this is for every request that comes over it."""
            super().connection_made(transport)
            theirs = transport.get_extra_info("peername")
            self.app_state = {**self.app_state, STRANGER: stranger(peer_uid, uid, front.port, theirs)}

    config = uvicorn.Config(
        front,
        http=Protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(graceful)),
    )
    return QuietServer(config)


async def serve(running: QuietServer, listener: socket) -> None:
    """Serve until it is ended; returns within the graceful time, whatever is still open."""
    await running.serve(sockets=[listener])
