"""Unix sockets: one listener a path, connecting within a time, who is at the other end. Never a network address.

Source of the order in which a listener is bound: the running-process broker's singleton bind.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

BACKLOG = 128
PRIVATE = 0o600
NOBODY_LISTENS = (errno.ECONNREFUSED, errno.ENOENT)
TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)
PROBE_SECONDS = 1.0
RETRY_SECONDS = 0.005
SOL_LOCAL, LOCAL_PEERCRED, LOCAL_PEERPID = 0, 1, 2
"""Source: macOS, sys/un.h."""


class AddressInUse(OSError):
    """Somebody listens on that path, or something that is no socket lies there."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is at the other end, as the kernel tells it. `pid`: 0 where it does not."""

    uid: int
    pid: int


def local_listener(path: str, *, backlog: int = BACKLOG) -> socket.socket:
    """A socket that listens on that path, mode 0600, non-blocking. The folder is the caller's to keep private.

    A socket file on which nobody listens is replaced, nothing else is. Raises AddressInUse, and OSError (a path that is
    too long, a folder that is not there).
    """
    with _one_at_a_time(path):
        listener = _bound(path)
        if listener is None:
            _give_way(path)
            listener = _bound(path)
        if listener is None:
            raise AddressInUse(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
        try:
            os.chmod(path, PRIVATE)
            listener.listen(backlog)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            os.unlink(path)
            raise
    return listener


def remove_listener(path: str, listener: socket.socket) -> None:
    """Close it and take its file away, unless somebody else listens there by now. Raises OSError."""
    listener.close()
    with _one_at_a_time(path), suppress(AddressInUse):
        _give_way(path)


def local_connect(path: str, *, deadline: float) -> socket.socket:
    """A blocking stream to who listens there. `deadline`: of the monotonic clock; the socket's timeout is what is left.

    Raises TimeoutError, and OSError: ENOENT and ECONNREFUSED where nobody listens.
    """
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), path)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
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


def peer_credentials(stream: socket.socket) -> Credentials:
    """Who connected, or who listens. Raises OSError. The macOS branch is not yet run."""
    if sys.platform == "darwin":
        found = stream.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, 76)
        pid = stream.getsockopt(SOL_LOCAL, LOCAL_PEERPID)
        return Credentials(uid_in(found), pid)
    pid, uid, _ = struct.unpack("3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return Credentials(uid, pid)


def uid_in(xucred: bytes) -> int:
    """The user of a macOS `struct xucred` (version, uid, …). Raises OSError. Not yet run on macOS."""
    if len(xucred) < 8:
        raise OSError(errno.EINVAL, "the kernel told no peer credentials")
    version, uid = struct.unpack_from("=II", xucred)
    if version != 0:
        raise OSError(errno.EINVAL, "peer credentials of an unknown version")
    return int(uid)


@contextmanager
def _one_at_a_time(path: str) -> Iterator[None]:
    """Of several that find a dead socket only one takes it away: another's new one would go with it."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _bound(path: str) -> socket.socket | None:
    """A socket bound to the path; None when something lies there."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
    except OSError as error:
        listener.close()
        if error.errno in TAKEN and os.path.lexists(path):
            return None
        raise
    except BaseException:
        listener.close()
        raise
    return listener


def _give_way(path: str) -> None:
    """Remove a socket on which nobody listens. Raises AddressInUse."""
    try:
        local_connect(path, deadline=time.monotonic() + PROBE_SECONDS).close()
    except OSError as error:
        if error.errno in NOBODY_LISTENS and _is_socket(path):
            os.unlink(path)
            return
        if error.errno == errno.ENOENT:
            return
    raise AddressInUse(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
