"""A client's Hello: the bytes that go out, and what the reply says. Never does I/O, never retries.

Both generations send the same message in the same envelope. One Hello goes over one connection, and its frame has the
request id 1.
Source: the running-process broker, wires v1 and v2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from iapeer_memory import __version__
from iapeer_memory.broker.client_errors import BackendNotUp, BadReply, HelloRefused
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.refusal import refusal
from iapeer_memory.broker.wire_v1.control import PROTOCOL, Hello, HelloReply, Negotiated
from iapeer_memory.broker.wire_v1.frame import CONTROL, ENVELOPE_VERSION, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v1.framing import HELLO_CAP, FramingError, framed
from iapeer_memory.domain.errors import ConfigError

REQUEST_ID = 1
LIBRARY = "iapeer-memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client asks a broker for. `version`: of the backend; `client_version`: its own."""

    service: str
    version: str
    client_version: str = ""
    capabilities: int = 0
    keepalive_secs: int = 0
    auth_token: bytes = b""
    request_id: str = "hello"
    traceparent: str = ""
    tracestate: str = ""


def hello_bytes(wanted: Wanted) -> bytes:
    """The framed Hello of this process. Raises ConfigError for what cannot be put into one."""
    hello = Hello(
        client_min_protocol=PROTOCOL,
        client_max_protocol=PROTOCOL,
        service_name=wanted.service,
        wanted_version=wanted.version,
        client_version=wanted.client_version,
        client_capabilities=wanted.capabilities,
        auth_token=wanted.auth_token,
        request_id=wanted.request_id,
        peer_pid=os.getpid(),
        client_lib_name=LIBRARY,
        client_lib_version=__version__,
        client_keepalive_secs=wanted.keepalive_secs,
    )
    try:
        frame = Frame(
            envelope_version=ENVELOPE_VERSION,
            payload_protocol=CONTROL,
            payload=encode(hello),
            request_id=REQUEST_ID,
            traceparent=wanted.traceparent,
            tracestate=wanted.tracestate,
        )
        return framed(encode(frame), HELLO_CAP)
    except (ValueError, FramingError) as error:
        raise ConfigError(f"no Hello can say that: {error}") from None


def read_reply(body: bytes) -> Negotiated:
    """What was negotiated, from the body of the frame that came back. Raises BadReply, HelloRefused.

    A refusal counts also under request id 0: a broker that could not read the request knows no other.
    """
    try:
        frame = decode(Frame, body)
        fault = envelope_fault(frame)
        if fault is not None:
            raise BadReply("envelope", fault)
        reply = decode(HelloReply, frame.payload)
    except DecodeFailed as error:
        raise BadReply("decode", str(error)) from None
    if reply.refused is not None and frame.request_id in (0, REQUEST_ID):
        raise HelloRefused(refusal(reply.refused))
    if frame.request_id != REQUEST_ID:
        raise BadReply("request-id", f"it answers request {frame.request_id}, not {REQUEST_ID}")
    if reply.negotiated is None:
        raise BadReply("missing-result", "HelloReply.result missing")
    if reply.negotiated.negotiated_protocol != PROTOCOL:
        raise BadReply("protocol", f"protocol {reply.negotiated.negotiated_protocol} was never offered")
    return reply.negotiated


def envelope_fault(frame: Frame) -> str | None:
    """What is wrong with a reply's envelope; None when it is well."""
    if frame.envelope_version != ENVELOPE_VERSION:
        return f"envelope version {frame.envelope_version}"
    if frame.kind != FrameKind.RESPONSE:
        return f"a frame of kind {frame.kind}, not a response"
    if frame.payload_protocol != CONTROL:
        return f"payload protocol 0x{frame.payload_protocol:04X}"
    if frame.payload_encoding != PayloadEncoding.NONE:
        return f"payload encoding {frame.payload_encoding}"
    return None


def endpoint_of(negotiated: Negotiated, service: str) -> str:
    """Where the backend listens. Raises BackendNotUp where the broker does not know."""
    if not negotiated.backend_pipe:
        raise BackendNotUp(service)
    return negotiated.backend_pipe
