"""Requests to a backend over one connection, blocking, one at a time. Never mixes up two answers.

After a request that had no proper response nothing more is sent: its response might still come.
Source: the running-process broker's frame client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iapeer_memory.broker.exchange import Exchange
from iapeer_memory.broker.timed_stream import TimedStream
from iapeer_memory.broker.wire_v1.frame import Frame

if TYPE_CHECKING:
    import socket


class FrameClient:
    """A backend, as its client sees it."""

    def __init__(self, stream: TimedStream, *, last_id: int = 0) -> None:
        self.stream = stream
        self.exchange = Exchange(last_id=last_id)

    def request(self, protocol: int, payload: bytes, *, deadline: float) -> Frame:
        """Send a request and read its response. `deadline`: of the monotonic clock. Raises ExchangeFailed.

        A payload that makes the frame too large is a FramingError, and nothing is sent.
        """
        data = self.exchange.request(protocol, payload)
        try:
            self.stream.send(data, deadline=deadline)
            return self.exchange.response(self.stream.frame(deadline=deadline))
        except BaseException as error:
            raise self.exchange.broke(error) from None

    def release(self) -> tuple[socket.socket, bytes]:
        """The connection itself, for another wire: the socket, and the bytes that came behind the last response."""
        self.exchange.over = "the connection was released"
        return self.stream.release()

    def close(self) -> None:
        """Close the connection."""
        self.exchange.over = "the connection is closed"
        self.stream.close()
