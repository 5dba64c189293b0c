"""Whether a client's connection is offered to its backend, and the words of it. Off unless the operator wants it. Pure.

Only to a client that says it can, of a backend whose definition names where it takes connections over, and not while
such offers keep failing: a client that is refused connects by itself, which is the faster way anyhow.
Source: the running-process broker, handle handoff.
"""

from __future__ import annotations

from collections.abc import Callable

from iapeer_memory.broker.capabilities import HANDLE_PASSING
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.wire_v1.frame import ENVELOPE_VERSION, HANDOFF, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v1.handoff import TOKEN_BYTES, HandoffAck, HandoffOffer

ENDPOINT_LABEL = "handoff_endpoint"
"""The label of a service definition with the absolute path at which its backend takes connections over."""
MOST_PENDING = 1_024
MOST_FAILURES = 8
WINDOW_MS = 30_000


class Handoffs:
    """The offers under way. `random`: so many random bytes. Times are milliseconds of a monotonic clock."""

    __slots__ = ("_failures", "_pending", "_random")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._pending: set[bytes] = set()
        self._failures: list[int] = []

    def offer(self, endpoint: str, capabilities: int, now_ms: int) -> bytes:
        """A token for one connection; b"" when it is not offered."""
        self._failures = [at for at in self._failures if now_ms - at < WINDOW_MS]
        if not endpoint.startswith("/") or not capabilities & HANDLE_PASSING:
            return b""
        if len(self._pending) >= MOST_PENDING or len(self._failures) >= MOST_FAILURES:
            return b""
        token = self._random(TOKEN_BYTES)
        self._pending.add(token)
        return token

    def ended(self, token: bytes, now_ms: int, *, taken: bool) -> None:
        """The backend has taken the connection with that token, or has not."""
        if token in self._pending:
            self._pending.remove(token)
            if not taken:
                self._failures.append(now_ms)


def offer_bytes(token: bytes, service: str, number: int) -> bytes:
    """The framed offer that follows the handle."""
    offer = HandoffOffer(token=token, service_name=service, correlation_id=number)
    return framed(
        encode(
            Frame(envelope_version=ENVELOPE_VERSION, payload_protocol=HANDOFF, payload=encode(offer), request_id=number)
        )
    )


def ack_bytes(ack: HandoffAck, *, kind: int, number: int) -> bytes:
    """The framed answer: RESPONSE to the broker, EVENT to the client."""
    frame = Frame(
        envelope_version=ENVELOPE_VERSION, kind=kind, payload_protocol=HANDOFF, payload=encode(ack), request_id=number
    )
    return framed(encode(frame))


def read_offer(body: bytes) -> HandoffOffer | None:
    """The offer in a frame's body; None when it is none."""
    frame = _frame(body, FrameKind.REQUEST)
    try:
        return None if frame is None else decode(HandoffOffer, frame.payload)
    except DecodeFailed:
        return None


def read_ack(body: bytes, token: bytes) -> HandoffAck | None:
    """The backend's answer to the offer with that token; None when it is none."""
    frame = _frame(body, FrameKind.RESPONSE)
    try:
        ack = None if frame is None else decode(HandoffAck, frame.payload)
    except DecodeFailed:
        return None
    return ack if ack is not None and ack.token == token else None


def _frame(body: bytes, kind: int) -> Frame | None:
    try:
        frame = decode(Frame, body)
    except DecodeFailed:
        return None
    good = frame.envelope_version == ENVELOPE_VERSION and frame.payload_encoding == PayloadEncoding.NONE
    return frame if good and frame.kind == kind and frame.payload_protocol == HANDOFF else None
