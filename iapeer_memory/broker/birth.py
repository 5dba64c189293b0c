"""What tells two daemons apart whose executable is the same: when the process started, and which build it runs.

An interpreter runs many programs, so its path and hash prove little. These two travel on a lane of our own beside the
identity, whose wire stays as it is. Never part of what a foreign client compares.

Source: our own lane 0xF1A0; request: no payload; response: a `Birth`.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import DecodeFailed, Message, decode, encode, proto
from iapeer_memory.broker.wire_v1.frame import OURS, Frame, FrameKind, PayloadEncoding, request, response
from iapeer_memory.broker.wire_v1.framing import framed

LANE = OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth(Message):
    """`started`: as the kernel tells it, equal only for the same process of the same boot. `build`: a digest."""

    started: str = proto(1, "string")
    build: str = proto(2, "string")
    program: str = proto(3, "string")
    version: str = proto(4, "string")


def birth_request(number: int) -> bytes:
    """The framed question."""
    return framed(encode(request(LANE, b"", number)))


def birth_reply(asked: Frame, birth: Birth) -> bytes:
    """The framed answer."""
    return framed(encode(response(asked, encode(birth))))


def read_birth_reply(body: bytes, number: int) -> Birth:
    """The answer to the question of that number. Raises DecodeFailed."""
    frame = decode(Frame, body)
    if frame.kind != FrameKind.RESPONSE or frame.payload_protocol != LANE or frame.request_id != number:
        raise DecodeFailed("the frame is not the answer to our question")
    if frame.payload_encoding != PayloadEncoding.NONE:
        raise DecodeFailed("the answer is compressed")
    return decode(Birth, frame.payload)
