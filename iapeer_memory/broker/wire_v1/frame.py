"""The envelope of everything on the wire, and who may use which payload protocol. Never looks into a payload.

Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, proto

ENVELOPE_VERSION = 1

CONTROL = 0x0000
ADMIN = 0xAD01
PROBE = 0xB232
HANDOFF = 0xD0FF
SESSION = 0x5350
OURS = 0xF1A0
"""memoryd's own lane: what an identity has no field for."""
BROKER_HTTP = 0xF1A1
"""The broker's lane for HTTP endpoints."""

FIRST_PARTY = range(0x0000, 0x7000)
REGISTERED = range(0x7000, 0x7F00)
RESERVED = range(0x7F00, 0xF000)
PRIVATE = range(0xF000, 0x10000)
FIRST_PARTY_RESERVED = (ADMIN, PROBE, HANDOFF)
"""Numbers out of the reserved range that belong to the broker itself."""


def is_first_party(protocol: int) -> bool:
    """Whether the id is the broker's own, so that no backend may serve payloads under it."""
    return protocol in FIRST_PARTY or protocol in FIRST_PARTY_RESERVED


def may_serve(protocol: int) -> bool:
    """Whether a backend may serve payloads under the id."""
    return protocol in REGISTERED or protocol in PRIVATE


class FrameKind:
    """`Frame.kind`. CANCEL is never acted on."""

    REQUEST = 0
    RESPONSE = 1
    EVENT = 2
    CANCEL = 3


class PayloadEncoding:
    """`Frame.payload_encoding`. Only NONE is accepted."""

    NONE = 0
    ZSTD = 1
    SNAPPY = 2
    LZ4 = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame(Message):
    """One frame. `deadline_unix_ms` is carried and never enforced. Reserved: 10 to 15."""

    envelope_version: int = proto(1, "uint32")
    kind: int = proto(2, "enum")
    payload_protocol: int = proto(3, "uint32")
    payload: bytes = proto(4, "bytes")
    request_id: int = proto(5, "uint64")
    payload_encoding: int = proto(6, "enum")
    deadline_unix_ms: int = proto(7, "uint64")
    traceparent: str = proto(8, "string")
    tracestate: str = proto(9, "string")


def request(protocol: int, payload: bytes, request_id: int) -> Frame:
    """A request."""
    return Frame(envelope_version=1, payload_protocol=protocol, payload=payload, request_id=request_id)


def response(to: Frame | None, payload: bytes, protocol: int = CONTROL) -> Frame:
    """The response to a request: its id, trace and protocol. `to=None`: the request could not be read."""
    if to is None:
        return Frame(envelope_version=1, kind=FrameKind.RESPONSE, payload_protocol=protocol, payload=payload)
    return Frame(
        envelope_version=1,
        kind=FrameKind.RESPONSE,
        payload_protocol=to.payload_protocol,
        payload=payload,
        request_id=to.request_id,
        traceparent=to.traceparent,
        tracestate=to.tracestate,
    )
