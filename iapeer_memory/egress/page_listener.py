"""A listening TCP socket at one IP address, for a page that a person looks at. The caller chooses the address."""

from __future__ import annotations

import errno
import socket

BACKLOG = 64


class AddressTaken(OSError):
    """Somebody listens on that port already."""


def page_listener(address: str, port: int) -> tuple[socket.socket, int]:
    """A non-blocking listener on the address and port (0: any free one), and the port that it has.

    Raises AddressTaken, OSError.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
        return listener, int(listener.getsockname()[1])
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressTaken(error.errno, error.strerror, f"{address}:{port}") from None
        raise
