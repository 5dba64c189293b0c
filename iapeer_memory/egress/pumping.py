"""Bytes both ways between a socket and two descriptors, until the socket ends. Looks at none of them."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket

PIECE = 1 << 16
SHUT_WR = 1


def pump(stream: _socket.socket, source: int = 0, sink: int = 1) -> None:
    """What comes from the source goes to the socket, what comes from the socket to the sink. Raises OSError."""
    stream.settimeout(None)
    Thread(target=_send, args=(stream, source), daemon=True).start()
    while data := stream.recv(PIECE):
        view = memoryview(data)
        while view:
            view = view[os.write(sink, view) :]


def _send(stream: _socket.socket, source: int) -> None:
    try:
        while data := os.read(source, PIECE):
            stream.sendall(data)
        stream.shutdown(SHUT_WR)
    except OSError:
        stream.close()
