"""The framing of the wire: a version byte, a length, a body. Bytes in, bodies out; never does I/O.

    u8 version = 1 | u32 little-endian body length | body

A body may be empty. A length over the cap is refused from the header, before anything is set aside for it.
Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from typing import Literal

VERSION = 1
HEADER_BYTES = 5
FRAME_CAP = 16 * 1024 * 1024
"""The longest body, in bytes."""
HELLO_CAP = 64 * 1024
"""The longest body of the first frame that a client sends to a broker, in bytes."""

FramingKind = Literal["unsupported-version", "too-large", "unexpected-eof"]
Context = Literal["", "framing byte", "body length header", "frame body"]


class FramingError(Exception):
    """The bytes are no frame; nothing that follows on this connection can be read.

    `kind` unsupported-version has `got` and `expected`; too-large has `body_length` and `cap`, in bytes;
    unexpected-eof has `context`, the part that is missing: "framing byte" means that the stream ended between frames.
    """

    def __init__(
        self,
        kind: FramingKind,
        text: str,
        *,
        got: int = 0,
        expected: int = VERSION,
        body_length: int = 0,
        cap: int = 0,
        context: Context = "",
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.got = got
        self.expected = expected
        self.body_length = body_length
        self.cap = cap
        self.context = context


def framed(body: bytes, cap: int = FRAME_CAP) -> bytes:
    """The body behind its header. Raises FramingError (too-large) for a body over the cap."""
    if len(body) > cap:
        raise too_large(len(body), cap)
    return b"\x01" + len(body).to_bytes(4, "little") + body


def too_large(body_length: int, cap: int) -> FramingError:
    """The refusal of a length."""
    text = f"a frame of {body_length} bytes is over the cap of {cap}"
    return FramingError("too-large", text, body_length=body_length, cap=cap)


class Unframer:
    """Takes the bytes of one stream as they come and gives the bodies of its frames, one at a time."""

    def __init__(self, cap: int = FRAME_CAP) -> None:
        self.cap = cap
        self.buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Bytes that have arrived."""
        self.buffer += data

    def next(self) -> bytes | None:
        """The body of the next whole frame; None while it is not all there. Raises FramingError."""
        buffer = self.buffer
        if not buffer:
            return None
        if buffer[0] != VERSION:
            text = f"framing version {buffer[0]} is not supported, expected {VERSION}"
            raise FramingError("unsupported-version", text, got=buffer[0])
        if len(buffer) < HEADER_BYTES:
            return None
        length = int.from_bytes(buffer[1:HEADER_BYTES], "little")
        if length > self.cap:
            raise too_large(length, self.cap)
        stop = HEADER_BYTES + length
        if len(buffer) < stop:
            return None
        body = bytes(buffer[HEADER_BYTES:stop])
        del buffer[:stop]
        return body

    def rest(self) -> bytes:
        """What was fed and not yet given out as a body. It stays here too."""
        return bytes(self.buffer)

    def eof(self) -> FramingError:
        """The error that the end of the stream is, here and now, for a reader who wanted one more frame."""
        have = len(self.buffer)
        context: Context = "framing byte"
        if have:
            context = "body length header" if have < HEADER_BYTES else "frame body"
        return FramingError("unexpected-eof", f"the stream ended before the {context} was complete", context=context)
