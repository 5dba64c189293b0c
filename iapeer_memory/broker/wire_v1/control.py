"""Hello and its reply: how a client asks a broker for a backend. Never decides.

Source: the running-process broker, wire v1.
"""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, mapping, message, proto, repeated

PROTOCOL = 1
"""The protocol that is negotiated."""
KEEPALIVE_SECS = 1800
"""The keep-alive of a client that named none."""


class ErrorCode:
    """`Refused.code`. SHUTTING_DOWN has never been sent by the original. Reserved: 10 to 20."""

    UNSPECIFIED = 0
    VERSION_UNSUPPORTED = 1
    SERVICE_UNKNOWN = 2
    BACKEND_SPAWN_FAILED = 3
    RATE_LIMITED = 4
    SHUTTING_DOWN = 5
    PEER_REJECTED = 6
    INTERNAL = 7
    VERSION_BLOCKED = 8
    FD_PRESSURE = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Message):
    """What a client wants. `peer_pid` must be its own pid or 0. Reserved: 16 to 20."""

    client_min_protocol: int = proto(1, "uint32")
    client_max_protocol: int = proto(2, "uint32")
    service_name: str = proto(3, "string")
    wanted_version: str = proto(4, "string")
    client_version: str = proto(5, "string")
    client_capabilities: int = proto(6, "uint64")
    auth_token: bytes = proto(7, "bytes")
    request_id: str = proto(8, "string")
    connection_id: int = proto(9, "uint64")
    peer_pid: int = proto(10, "uint32")
    client_lib_name: str = proto(11, "string")
    client_lib_version: str = proto(12, "string")
    peer_attestation_nonce: bytes = proto(13, "bytes")
    capability_token: bytes = proto(14, "bytes")
    client_keepalive_secs: int = proto(15, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated(Message):
    """Yes: where the backend listens. `backend_pipe` is empty while a known backend is not up (generation 2)."""

    negotiated_protocol: int = proto(1, "uint32")
    daemon_version: str = proto(2, "string")
    backend_pipe: str = proto(3, "string")
    warnings: tuple[str, ...] = repeated(4, "string")
    server_capabilities: int = proto(5, "uint64")
    keepalive_interval_secs: int = proto(6, "uint64")
    handle_passed_token: bytes = proto(7, "bytes")
    connection_id: int = proto(8, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Message):
    """No, why, and after how many milliseconds to ask again (0: do not)."""

    reason: str = proto(1, "string")
    daemon_min_protocol: int = proto(2, "uint32")
    daemon_max_protocol: int = proto(3, "uint32")
    code: int = proto(4, "enum")
    details: Mapping[str, str] = mapping(5)
    retry_after_ms: int = proto(6, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloReply(Message):
    """One of the two, never both."""

    negotiated: Negotiated | None = message(1, Negotiated, oneof="result")
    refused: Refused | None = message(2, Refused, oneof="result")
