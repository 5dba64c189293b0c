"""Handing an open socket to another process over a Unix socket. The receiver's copy is its own; ours stays ours.

Source: unix(7), SCM_RIGHTS.
"""

from __future__ import annotations

import os
import socket


def send_handle(stream: socket.socket, handle: socket.socket, token: bytes) -> None:
    """Send the token with the socket beside it, in one message. Raises OSError, TimeoutError."""
    sent = socket.send_fds(stream, [token], [handle.fileno()])
    if sent != len(token):
        raise OSError("the token did not go out in one piece")


def receive_handle(stream: socket.socket, length: int) -> tuple[bytes, socket.socket | None]:
    """(so many bytes, the socket that came beside them). Descriptors that are no sockets are closed.

    Raises OSError, TimeoutError, EOFError.
    """
    handles: list[int] = []
    data = b""
    try:
        while len(data) < length:
            piece, found, _, _ = socket.recv_fds(stream, length - len(data), 4)
            handles += found
            if not piece:
                raise EOFError("the stream ended before the token was complete")
            data += piece
        return data, _socket(handles)
    finally:
        for handle in handles:
            os.close(handle)


def _socket(handles: list[int]) -> socket.socket | None:
    """The one that came, as a socket; taken out of the list. None unless it is exactly one."""
    if len(handles) != 1:
        return None
    try:
        found = socket.socket(fileno=handles[0])
    except OSError:
        return None
    handles.clear()
    found.set_inheritable(False)
    return found
