"""A listening socket that whoever started us has already bound. Never inherited any further."""

from __future__ import annotations

import errno
import os
import socket


def inherited_listener(fd: int, path: str) -> socket.socket:
    """Take over a descriptor that listens on that path, non-blocking. Raises OSError when it is something else."""
    try:
        listener = socket.socket(fileno=fd)
    except OSError as error:
        raise OSError(error.errno, "the inherited descriptor is no socket", path) from None
    try:
        listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listener.family != socket.AF_UNIX or not listening or listener.getsockname() != path:
            raise OSError(errno.EINVAL, "the inherited descriptor does not listen there", path)
        os.set_inheritable(fd, False)
        listener.setblocking(False)
    except BaseException:
        listener.detach()
        raise
    return listener
