"""One connection to the broker, without I/O: a frame comes in, an answer goes out, and the connection is over.

Frames what the router, the operator's desk and the broker's own lane have to say. Every first frame is capped from its
header, so that nobody makes the broker hold more than that.
Source: the running-process broker, connection handling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.server import refusals
from iapeer_memory.broker.server.refusals import Refusal
from iapeer_memory.broker.wire_v1.control import HelloReply
from iapeer_memory.broker.wire_v1.frame import CONTROL, Frame, response
from iapeer_memory.broker.wire_v1.framing import HELLO_CAP, FramingError, Unframer, framed

OF_FRAMING = {"unsupported-version": refusals.FRAMING, "too-large": refusals.OVERSIZE}


@dataclass(frozen=True, slots=True)
class Exchange:
    """Takes the bytes of one connection as they come."""

    unframer: Unframer

    def feed(self, data: bytes) -> Frame | Refusal | None:
        """The first frame, or why there will be none; None while it is not all there. What follows it is not read."""
        self.unframer.feed(data)
        try:
            body = self.unframer.next()
        except FramingError as error:
            return OF_FRAMING.get(error.kind, refusals.INCOMPLETE)
        if body is None:
            return None
        try:
            return decode(Frame, body)
        except DecodeFailed:
            return refusals.NO_FRAME


def exchange() -> Exchange:
    """A new connection."""
    return Exchange(Unframer(HELLO_CAP))


def hello_answer(frame: Frame | None, reply: HelloReply) -> bytes:
    """The reply in its frame, on Hello's own lane whatever the request's was. `frame` None: it could not be read."""
    asked = frame if frame is None or frame.payload_protocol == CONTROL else replace(frame, payload_protocol=CONTROL)
    return framed(encode(response(asked, encode(reply))))


def answer(frame: Frame, payload: bytes) -> bytes:
    """The response of another lane than Hello's."""
    return framed(encode(response(frame, payload)))
