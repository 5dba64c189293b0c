"""Connecting to a Unix socket, for the stdio bridge, which cannot afford the socket module's imports."""

from __future__ import annotations

import _socket
import errno
import os
import time

RETRY_SECONDS = 0.005


def bare_connect(path: str, *, deadline: float) -> _socket.socket:
    """As `local_sockets.local_connect`. Raises TimeoutError, and OSError where nobody listens."""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), path)
        stream = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            stream.settimeout(left)
            stream.connect(path)
        except BlockingIOError:
            stream.close()  # the queue of the listener is full: Linux tells so instead of waiting
            time.sleep(RETRY_SECONDS)
            continue
        except BaseException:
            stream.close()
            raise
        return stream
