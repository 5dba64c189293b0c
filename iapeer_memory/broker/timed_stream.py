"""A blocking stream of frames whose every read and write ends by a deadline. Never drops a byte that it read.

Deadlines are moments of the monotonic clock, so that a peer who sends one byte a second wins nothing by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iapeer_memory.broker.wire_v1.framing import FRAME_CAP, Unframer
from iapeer_memory.domain.door import Clock
from iapeer_memory.egress.local_sockets import local_connect, peer_credentials

if TYPE_CHECKING:
    import socket

PIECE = 64 * 1024


class ForeignListener(OSError):
    """Somebody listens there who is not the user."""


class TimedStream:
    """One connection."""

    def __init__(self, stream: socket.socket, clock: Clock, *, cap: int = FRAME_CAP) -> None:
        self.stream = stream
        self.clock = clock
        self.unframer = Unframer(cap)

    def send(self, data: bytes, *, deadline: float) -> None:
        """Send it all. Raises TimeoutError, OSError."""
        self.stream.settimeout(self.left(deadline))
        self.stream.sendall(data)

    def frame(self, *, deadline: float) -> bytes:
        """The body of the next frame. Raises FramingError (also when the stream ends), TimeoutError, OSError."""
        while (body := self.unframer.next()) is None:
            self.stream.settimeout(self.left(deadline))
            data = self.stream.recv(PIECE)
            if not data:
                raise self.unframer.eof()
            self.unframer.feed(data)
        return body

    def left(self, deadline: float) -> float:
        """Seconds until the deadline, more than none. Raises TimeoutError."""
        left = deadline - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def release(self) -> tuple[socket.socket, bytes]:
        """The blocking socket, without a timeout, and the bytes that were read from it and belong to what follows."""
        self.stream.settimeout(None)
        return self.stream, self.unframer.rest()

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()


def dialled(path: str, *, deadline: float, clock: Clock, uid: int, cap: int = FRAME_CAP) -> TimedStream:
    """A stream to who listens there, if that is the user. Raises TimeoutError, OSError (ForeignListener)."""
    stream = local_connect(path, deadline=deadline)
    try:
        owner = peer_credentials(stream).uid
        if owner != uid:
            raise ForeignListener(f"user {owner} listens there")
    except BaseException:
        stream.close()
        raise
    return TimedStream(stream, clock, cap=cap)
