"""The envelope: what a frame's header says, as a table with a row for each version. Never reads a body.

Little-endian. Version 1 is 17 bytes: len u32, ver u8, type u8, flags u8, channel u16, corr u64. The first five bytes
keep place and meaning in every version. Flags: bit 0 the body is bytes and no JSON, bits 1-2 the priority, bit 3 the
last of its kind, bits 4-7 zero. Imports nothing heavy: hooks use it. Source: subc-protocol 0.1.0.
"""

from __future__ import annotations

from struct import Struct

from iapeer_memory.attach.errors import BadEnvelope

REQUEST, RESPONSE, PUSH, STREAM_DATA, STREAM_END, ERROR = range(6)
CANCEL, PING, PONG, HELLO, HELLO_ACK, GOODBYE = range(6, 12)
TYPE_NAMES = (
    "REQUEST", "RESPONSE", "PUSH", "STREAM_DATA", "STREAM_END", "ERROR",
    "CANCEL", "PING", "PONG", "HELLO", "HELLO_ACK", "GOODBYE",
)  # fmt: skip
TERMINAL = frozenset((RESPONSE, ERROR, STREAM_END))
"""What ends a request."""

BINARY = 0x01
INTERACTIVE = 0x02
BACKGROUND = 0x04
PRIORITY = 0x06
LAST = 0x08

PREFIX = Struct("<IB")
PREFIX_LENGTH = PREFIX.size
BODY_CAP = 64 << 20
HIGHEST_CHANNEL = 0xFFFF
HIGHEST_CORR = (1 << 64) - 1


class Layout:
    """One version of the header: its struct (len, ver, type, flags, channel, corr), and what its fields may hold."""

    __slots__ = ("header", "length", "pure", "reserved", "types", "version")

    def __init__(self, version: int, header: str, *, types: int, reserved: int, pure: tuple[int, ...]) -> None:
        self.version = version
        self.header = Struct(header)
        self.length = self.header.size
        self.types = types
        self.reserved = reserved
        self.pure = frozenset(pure)

    def check(self, length: int, kind: int, flags: int) -> None:
        """Raises BadEnvelope for the first thing that is wrong, in the order of the wire."""
        if kind >= self.types:
            raise BadEnvelope("unknown_frame_type", byte=kind)
        if flags & self.reserved:
            raise BadEnvelope("reserved_flag_bits", flags=flags)
        if flags & PRIORITY == PRIORITY:
            raise BadEnvelope("reserved_priority_bits", flags=flags)
        if length and kind in self.pure:
            raise BadEnvelope("pure_header_frame_with_body", type=kind, len=length)


V1 = Layout(1, "<IBBBHQ", types=len(TYPE_NAMES), reserved=0xF0, pure=(CANCEL, PING, PONG, GOODBYE))
LAYOUTS = {V1.version: V1}
"""The versions that are spoken. A later one is a row here."""


class Frame:
    """One frame. `raw`: all its bytes, header first."""

    __slots__ = ("channel", "corr", "flags", "kind", "raw", "version")

    def __init__(self, version: int, kind: int, flags: int, channel: int, corr: int, raw: bytes) -> None:
        self.version = version
        self.kind = kind
        self.flags = flags
        self.channel = channel
        self.corr = corr
        self.raw = raw

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.raw[LAYOUTS[self.version].length :]

    def __repr__(self) -> str:
        return f"{TYPE_NAMES[self.kind]} ch{self.channel} corr{self.corr} flags{self.flags} {self.body[:80]!r}"


class Oversized(Frame):
    """A frame on channel 0 whose body was too large to keep: it was read and dropped. `raw`: the header alone."""

    __slots__ = ("length",)

    def __init__(self, version: int, kind: int, flags: int, channel: int, corr: int, raw: bytes, length: int) -> None:
        super().__init__(version, kind, flags, channel, corr, raw)
        self.length = length


def decoded(data: bytes, at: int = 0) -> tuple[int, int, int, int, int, int]:
    """(body length, version, type, flags, channel, corr) of the header that starts at `at`. Raises BadEnvelope."""
    have = len(data) - at
    if have < PREFIX_LENGTH:
        raise BadEnvelope("too_short_for_prefix", have=have)
    layout = LAYOUTS.get(data[at + 4])
    if layout is None:
        raise BadEnvelope("unsupported_version", ver=data[at + 4])
    if have < layout.length:
        raise BadEnvelope("too_short_for_header", have=have, need=layout.length)
    length, version, kind, flags, channel, corr = layout.header.unpack_from(data, at)
    layout.check(length, kind, flags)
    return length, version, kind, flags, channel, corr


def encoded(
    kind: int,
    channel: int,
    corr: int,
    body: bytes = b"",
    *,
    flags: int = 0,
    version: int = 1,
    length: int | None = None,
) -> bytes:
    """The bytes of a frame. `length`: what its header is to say, the body's own unless given.

    Raises BadEnvelope, also for a body of more than 64 MiB and for a length that is not the body's.
    """
    size = len(body)
    if length is not None and length != size:
        raise BadEnvelope("body_length_mismatch", header=length, body=size)
    if size > BODY_CAP:
        raise BadEnvelope("body_too_large", len=size, max=BODY_CAP)
    layout = LAYOUTS.get(version)
    if layout is None:
        raise BadEnvelope("unsupported_version", ver=version)
    if flags or size or kind > STREAM_END:
        layout.check(size, kind, flags)
    return layout.header.pack(size, version, kind, flags, channel, corr) + body
