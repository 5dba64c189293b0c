"""What a client connects to, and by which way it may get there. Pure: dials nothing.

A cached endpoint spares the Hello, but only to a client that wants its own version, and only after whoever listens
there has proved to be the daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from iapeer_memory.broker import names
from iapeer_memory.broker.capabilities import HANDLE_PASSING
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.protobuf import DecodeFailed, decode
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.broker.wire_v1.frame import ENVELOPE_VERSION, HANDOFF, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v1.handoff import TOKEN_BYTES, HandoffAck

Route = Literal["hello-skip", "broker-negotiated", "handle-passed"]

HANDOFF_SECONDS = 2.0
"""How long a client waits for the backend to take its connection over."""
SKIP_SECONDS = 0.5
"""How long it tries a cached endpoint, the proof included, before it asks the broker."""

P_co = TypeVar("P_co", covariant=True)
S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Cached(Generic[P_co]):
    """An endpoint that worked before. `prove(endpoint, deadline)`: dials it and has who listens there prove its
    identity; gives the connection, on which nothing is under way, or None. OSError counts as None."""

    endpoint: str
    prove: Callable[[str, float], P_co]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Generic[P_co]):
    """A broker's socket and what is wanted of it.

    `uid`: who has to listen, there and at the backend. `generation`: of the socket's name. `handoff`: let the broker
    hand this connection to the backend, should it offer to.
    """

    socket_path: str
    wanted: Wanted
    uid: int
    generation: int = 1
    cached: Cached[P_co] | None = None
    handoff: bool = False


@dataclass(frozen=True, slots=True)
class Connection(Generic[S_co]):
    """A connection with a backend. `negotiated`: None where no broker was asked."""

    stream: S_co
    endpoint: str
    route: Route
    negotiated: Negotiated | None


def offering(target: Target[P_co]) -> Wanted:
    """What the Hello says: that a connection may be handed over, only where it may."""
    if not target.handoff:
        return target.wanted
    return replace(target.wanted, capabilities=target.wanted.capabilities | HANDLE_PASSING)


def usable_cache(target: Target[P_co]) -> Cached[P_co] | None:
    """The cached endpoint, where it may be tried before the broker is asked."""
    same = target.wanted.version and target.wanted.version == target.wanted.client_version
    return target.cached if same else None


def v2_socket(place: names.Place, user: str, program: str) -> str:
    """Where a program's broker of generation 2 listens. `user`: a sid hash. Raises names.BadName, PathTooLong."""
    return names.v2_socket(place, names.v2_name(program, user))


def handoff_token(target: Target[P_co], negotiated: Negotiated) -> bytes | None:
    """The token under which the broker is handing this connection over; None when it is not."""
    token = negotiated.handle_passed_token
    offered = target.handoff and negotiated.server_capabilities & HANDLE_PASSING
    return token if offered and len(token) == TOKEN_BYTES else None


def is_handed_over(body: bytes, token: bytes) -> bool:
    """Whether a frame says that the backend has taken the connection with that token."""
    try:
        frame = decode(Frame, body)
        ack = decode(HandoffAck, frame.payload)
    except DecodeFailed:
        return False
    if frame.envelope_version != ENVELOPE_VERSION or frame.kind != FrameKind.EVENT:
        return False
    if frame.payload_protocol != HANDOFF or frame.payload_encoding != PayloadEncoding.NONE:
        return False
    return ack.accepted and ack.token == token
