"""One socket, several wires: the identity probe, payloads, what a daemon spoke before. Bytes in, events out; no I/O.

What a connection speaks is settled by its first bytes: a daemon's own detector is asked, then the first byte tells.
Whatever is not ours to answer ends the connection without a word.

Source: the running-process broker's endpoint multiplexer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.broker.birth import LANE, Birth, birth_reply
from iapeer_memory.broker.protobuf import DecodeFailed, decode
from iapeer_memory.broker.wire_v1.frame import (
    ENVELOPE_VERSION,
    PROBE,
    Frame,
    FrameKind,
    PayloadEncoding,
    is_first_party,
    may_serve,
)
from iapeer_memory.broker.wire_v1.framing import FRAME_CAP, VERSION, FramingError, Unframer
from iapeer_memory.broker.wire_v1.probe import ProbeFailed, probe_reply
from iapeer_memory.broker.wire_v1.process import DaemonProcess

Detected = Literal["legacy", "more", "ours"]
Detector = Callable[[bytes], Detected]
"""Says of a connection's first bytes whether they are the daemon's older wire; asked again while it wants more."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A question about who we are: send `reply`."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Payload:
    """A request for one of the daemon's own protocols."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Legacy:
    """The connection speaks something else; `data` is all that came on it. Nothing follows from here."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection, say nothing; `reason` is for our own log."""

    reason: str


Event = Answered | Payload | Legacy | Drop


class EndpointMux:
    """One connection. `served`: the payload protocols that the daemon answers; ValueError for what nobody may serve."""

    __slots__ = ("_birth", "_detector", "_identity", "_over", "_served", "_settled", "_unframer")

    def __init__(
        self,
        identity: DaemonProcess,
        served: Collection[int],
        *,
        birth: Birth | None = None,
        detector: Detector | None = None,
        cap: int = FRAME_CAP,
    ) -> None:
        check_served(served)
        self._identity = identity
        self._served = frozenset(served)
        self._birth = birth
        self._detector = detector
        self._unframer = Unframer(cap)
        self._settled = False
        self._over = False

    def feed(self, data: bytes) -> None:
        """Bytes that came."""
        self._unframer.feed(data)

    def next(self) -> Event | None:
        """The next event; None when more bytes are needed. After Legacy and Drop there is no other."""
        if self._over or not self._unframer.buffer:
            return None
        event = self._first() or self._frame()
        self._over = isinstance(event, Legacy | Drop)
        return event

    @property
    def amid(self) -> bool:
        """Whether something has begun to come and is not complete."""
        return not self._over and bool(self._unframer.buffer)

    def _first(self) -> Legacy | None:
        """Who the connection belongs to, once."""
        if self._settled:
            return None
        data = self._unframer.rest()
        found: Detected = "ours" if self._detector is None else self._detector(data)
        if found == "legacy" or (found == "ours" and data[0] != VERSION):
            return Legacy(data)
        self._settled = found == "ours"
        return None

    def _frame(self) -> Event | None:
        if not self._settled:
            return None
        try:
            body = self._unframer.next()
            return None if body is None else self._event(decode(Frame, body))
        except (FramingError, DecodeFailed, ProbeFailed) as error:
            return Drop(str(error))

    def _event(self, frame: Frame) -> Event:
        if frame.envelope_version != ENVELOPE_VERSION:
            return Drop(f"envelope version {frame.envelope_version}")
        if frame.kind != FrameKind.REQUEST:
            return Drop(f"a frame of kind {frame.kind}, not a request")
        protocol = frame.payload_protocol
        if protocol == PROBE:
            return Answered(probe_reply(frame, self._identity))
        if is_first_party(protocol):
            return Drop(f"unexpected first-party frame 0x{protocol:04X}")
        if frame.payload_encoding != PayloadEncoding.NONE:
            return Drop(f"payload encoding {frame.payload_encoding}")
        if protocol == LANE and self._birth is not None:
            return Answered(birth_reply(frame, self._birth))
        if protocol not in self._served:
            return Drop(f"payload protocol 0x{protocol:04X} is not served")
        return Payload(frame)


def check_served(served: Collection[int]) -> None:
    """Raises ValueError for a protocol that no backend may serve, or that is answered already."""
    for protocol in served:
        if not may_serve(protocol) or protocol == LANE:
            raise ValueError(f"payload protocol 0x{protocol:04X} is not a backend's to serve")
