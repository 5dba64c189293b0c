"""One question over a session of its own: attach, ask, GOODBYE, all of it before one moment.

Never asks another user's listener, never twice. Imports nothing heavy: the post-write hook comes this way.
"""

from __future__ import annotations

import _socket
import posix
import sys
from time import monotonic

PEER = (0, 1, 76) if sys.platform == "darwin" else (_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
"""Level, name and size of the option that tells who listens: LOCAL_PEERCRED (not yet run on macOS), SO_PEERCRED. The
second word of either is the user."""


def asked(path: str, folder: str, method: str, params: bytes, end: float) -> bytes:
    """The JSON-RPC answer to one request. `path`: of the socket; `folder`: the session's; `params`: JSON; `end`: by the
    monotonic clock.

    Raises OSError where nobody listens, ValueError where another user does, AttachFailed.
    """
    line = connected(path, end)
    # Only now: where nobody listens they would be loaded for nothing.
    from iapeer_memory.attach.bodies import HOOK, Identity
    from iapeer_memory.attach.client import Client
    from iapeer_memory.egress.clock import RealClock

    client = Client(lambda _: line, RealClock(), Identity(folder, HOOK, method), attempts=1)
    try:
        body = b'{"jsonrpc":"2.0","id":1,"method":"%b","params":%b}' % (method.encode(), params)
        return client.request(body, within=end - monotonic())
    finally:
        client.close()


def connected(path: str, end: float, uid: int = posix.getuid()) -> _socket.socket:
    """A stream to who listens there, if that is this user. Raises OSError (a TimeoutError too), ValueError."""
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        line.settimeout(max(end - monotonic(), 0.0))
        line.connect(path)
        if int.from_bytes(line.getsockopt(*PEER)[4:8], sys.byteorder) != uid:
            raise ValueError(f"another user listens on {path}")
    except BaseException:
        line.close()
        raise
    return line
