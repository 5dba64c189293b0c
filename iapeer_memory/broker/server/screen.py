"""Whether a Hello is one at all, and whether its service lets it in: the rows of the table that need no backend. Pure.

Each function answers with the first row that applies, or None. Source: the running-process broker, Hello policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from iapeer_memory.broker import validate
from iapeer_memory.broker.protobuf import DecodeFailed, decode
from iapeer_memory.broker.server import refusals, versions
from iapeer_memory.broker.server.refusals import IN_V2, Refusal
from iapeer_memory.broker.wire_v1.control import PROTOCOL, Hello, HelloReply
from iapeer_memory.broker.wire_v1.frame import CONTROL, ENVELOPE_VERSION, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v2.service import ServiceDefinition

CLIENT_VERSION_BYTES = 128
LIB_BYTES = 64

Generation = Literal[1, 2]
"""Which socket the client came to: both speak one wire, and differ in some texts and in what a reply holds."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel tells it. `pid`: 0 where it does not."""

    uid: int
    pid: int


@dataclass(frozen=True, slots=True)
class Greeting:
    """A Hello that may be looked into, and the frame it came in."""

    hello: Hello
    frame: Frame
    peer: Peer
    generation: Generation

    def said(self, row: Refusal, *, retry_after_ms: int = 0, **details: str) -> HelloReply:
        """The refusal in the words of the socket that was asked."""
        spoken = row if self.generation == 1 else IN_V2.get(row.name, row)
        return spoken.reply(retry_after_ms=retry_after_ms, **details)


def hello_in(frame: Frame, peer: Peer, generation: Generation) -> Greeting | Refusal:
    """The Hello in a frame, or why there is none."""
    if frame.envelope_version != ENVELOPE_VERSION:
        return refusals.ENVELOPE
    if frame.kind != FrameKind.REQUEST:
        return refusals.KIND
    if frame.payload_protocol != CONTROL:
        return refusals.LANE
    if frame.payload_encoding != PayloadEncoding.NONE:
        return refusals.ENCODING
    try:
        return Greeting(decode(Hello, frame.payload), frame, peer, generation)
    except DecodeFailed:
        return refusals.NO_HELLO


def shape_objection(greeting: Greeting) -> Refusal | None:
    """What is wrong with what the client says of itself."""
    hello, peer = greeting.hello, greeting.peer
    if not hello.client_min_protocol <= PROTOCOL <= hello.client_max_protocol:
        return refusals.PROTOCOL_RANGE
    if validate.service_name(hello.service_name) is not None:
        return refusals.SERVICE_NAME
    if version_is_wrong(hello.wanted_version, greeting.generation):
        return refusals.WANTED_VERSION
    if longer(hello.client_version, CLIENT_VERSION_BYTES):
        return refusals.CLIENT_VERSION
    if longer(hello.client_lib_name, LIB_BYTES) or longer(hello.client_lib_version, LIB_BYTES):
        return refusals.CLIENT_LIB
    if hello.peer_pid and peer.pid and hello.peer_pid != peer.pid:
        return refusals.PEER_PID
    return None


def version_is_wrong(text: str, generation: Generation) -> bool:
    """Whether it is no version. Clients of generation 2 may leave it open."""
    if not text and generation == 2:
        return False
    return longer(text, validate.HELLO_VERSION_BYTES) or validate.version(text) is not None


def longer(text: str, most: int) -> bool:
    """Whether the text takes more bytes than that."""
    return len(text) > most or len(text.encode("utf-8", "surrogatepass")) > most


def version_objection(greeting: Greeting, definition: ServiceDefinition) -> HelloReply | None:
    """Why the service does not serve that version."""
    wanted, floor = greeting.hello.wanted_version, definition.min_version
    if versions.is_below(wanted, floor):
        return greeting.said(refusals.BELOW_FLOOR, wanted=wanted, floor=floor)
    if not versions.is_allowed(wanted, definition.version_allow_list):
        return greeting.said(refusals.NOT_ALLOWED, wanted=wanted)
    return None
