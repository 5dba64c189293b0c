"""The messages that go with a connection which a broker hands to a backend. Never passes a handle.

Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, proto

TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffOffer(Message):
    """The broker to the backend, beside the handle. Reserved: 5 to 10."""

    handle_value: int = proto(1, "uint64")
    token: bytes = proto(2, "bytes")
    service_name: str = proto(3, "string")
    correlation_id: int = proto(4, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffAck(Message):
    """The backend's answer, which the broker passes on to the client. Reserved: 5 to 10."""

    token: bytes = proto(1, "bytes")
    accepted: bool = proto(2, "bool")
    error_detail: str = proto(3, "string")
    correlation_id: int = proto(4, "uint64")
