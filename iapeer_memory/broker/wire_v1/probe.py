"""The identity probe: 32 random bytes go to a daemon, and come back in front of what it says it is. Never does I/O.

There are two dialects of the executable's hash. Today's has the fields 8 and 9 (BLAKE3), and behind the whole message
field 3 with 32 bytes (a SHA-256, or zeros) for readers of old. The old one has field 3 alone, with a real SHA-256.
Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer_memory.broker.protobuf import DecodeFailed, Message, decode, encode, proto
from iapeer_memory.broker.wire_v1.frame import ENVELOPE_VERSION, PROBE, Frame, FrameKind, PayloadEncoding, response
from iapeer_memory.broker.wire_v1.frame import request as request_frame
from iapeer_memory.broker.wire_v1.framing import HELLO_CAP, framed
from iapeer_memory.broker.wire_v1.process import BLAKE3, HASH_BYTES, DaemonProcess

NONCE_BYTES = 32
PROBE_CAP = HELLO_CAP
"""The longest frame that a prober reads, in bytes."""
SHA256 = "sha256"


class ProbeFailed(Exception):
    """A frame that is no proper probe or answer; the text says in one line why."""


@dataclass(frozen=True, slots=True)
class ExeHash:
    """The hash of a daemon's executable. `algorithm`: "blake3", or "sha256" in the old dialect."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyHash(Message):
    """The one field of an identity that only readers of old know."""

    sha256: bytes = proto(3, "bytes")


def probe_request(nonce: bytes) -> bytes:
    """The framed request. `nonce`: NONCE_BYTES from the system's randomness, never used twice."""
    return framed(encode(request_frame(PROBE, nonce, request_id(nonce))))


def request_id(nonce: bytes) -> int:
    """The id of the request that carries the nonce."""
    return int.from_bytes(nonce[:8], "little")


def probe_reply(asked: Frame, identity: DaemonProcess) -> bytes:
    """The framed answer to a probe. Raises ProbeFailed for one that is malformed."""
    fault = envelope_fault(asked, FrameKind.REQUEST)
    if fault is None and len(asked.payload) != NONCE_BYTES:
        fault = f"a nonce of {len(asked.payload)} bytes"
    if fault is not None:
        raise ProbeFailed(fault)
    return framed(encode(response(asked, asked.payload + encode(identity))))


def read_probe_reply(body: bytes, nonce: bytes) -> DaemonProcess:
    """Who answered, from the body of the frame that came back. Raises ProbeFailed."""
    try:
        frame = decode(Frame, body)
    except DecodeFailed as error:
        raise ProbeFailed(f"the answer is no frame: {error}") from None
    fault = envelope_fault(frame, FrameKind.RESPONSE)
    if fault is None and frame.request_id != request_id(nonce):
        fault = "the answer is to another request"
    if fault is None and not frame.payload.startswith(nonce):
        fault = "the answer has another nonce"
    if fault is not None:
        raise ProbeFailed(fault)
    try:
        return decode(DaemonProcess, frame.payload[len(nonce) :])
    except DecodeFailed as error:
        raise ProbeFailed(f"the answer holds no identity: {error}") from None


def envelope_fault(frame: Frame, kind: int) -> str | None:
    """What is wrong with the envelope of a probe or an answer; None when it is well."""
    if frame.envelope_version != ENVELOPE_VERSION:
        return f"envelope version {frame.envelope_version}"
    if frame.kind != kind:
        return f"a frame of kind {frame.kind}"
    if frame.payload_protocol != PROBE:
        return f"payload protocol 0x{frame.payload_protocol:04X}"
    if frame.payload_encoding != PayloadEncoding.NONE:
        return f"payload encoding {frame.payload_encoding}"
    return None


def with_legacy_hash(identity: DaemonProcess, sha256: bytes = bytes(HASH_BYTES)) -> DaemonProcess:
    """The identity with field 3 behind it, as today's dialect is sent."""
    return replace(identity, unknown=encode(LegacyHash(sha256=sha256)))


def exe_hash(identity: DaemonProcess, *, legacy: bool = False) -> ExeHash:
    """The hash that the identity claims. `legacy`: take the old dialect too. Raises ProbeFailed when there is none."""
    if identity.exe_hash_algorithm == BLAKE3 and len(identity.exe_hash) == HASH_BYTES:
        return ExeHash(BLAKE3, identity.exe_hash)
    if identity.exe_hash_algorithm:
        raise ProbeFailed(f"an executable hash of {len(identity.exe_hash)} bytes by {identity.exe_hash_algorithm!r}")
    old = legacy_hash(identity)
    if old is None:
        raise ProbeFailed("the identity has no executable hash")
    if not legacy:
        raise ProbeFailed("the identity has only a SHA-256 of its executable: update that daemon")
    return ExeHash(SHA256, old)


def legacy_hash(identity: DaemonProcess) -> bytes | None:
    """The 32 bytes of field 3; None when there are none, or zeros."""
    try:
        digest = decode(LegacyHash, identity.unknown).sha256
    except DecodeFailed:  # not from the wire: decoding kept only whole fields
        return None
    return digest if len(digest) == HASH_BYTES and any(digest) else None
