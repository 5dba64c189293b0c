"""The control messages that generation 2 adds. Hello, its reply and Frame are generation 1's.

The original gives these no payload protocol: they are bodies only, and the lane is ours (`frame.BROKER_HTTP`).
Source: the running-process broker, wire v2.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, proto


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendHttpReady(Message):
    """A backend to the broker: its HTTP server listens on this port now."""

    port: int = proto(1, "uint32")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBrokerHttpEndpointRequest(Message):
    """Where is the broker's page?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBrokerHttpEndpointResponse(Message):
    """The port of the page, and the pid of the broker that answered: a port of a dead broker is told apart by it."""

    port: int = proto(1, "uint32")
    pid: int = proto(2, "uint32")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSessionTokenRequest(Message):
    """The generation marker of one daemon, please."""

    daemon_id: str = proto(1, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSessionTokenResponse(Message):
    """It, or not found. It is no secret and proves nothing but sameness."""

    found: bool = proto(1, "bool")
    session_token: bytes = proto(2, "bytes")
