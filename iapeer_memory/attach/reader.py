"""Bytes in, frames out: cuts a stream into frames, however it was cut on the way. No I/O.

Reads the first five bytes of a header before the rest, checks the length before it keeps a byte of the body, and drops
bodies on channel 0 that are larger than a control body may be. Imports nothing heavy: hooks use it.
"""

from __future__ import annotations

from iapeer_memory.attach.envelope import (
    BINARY,
    BODY_CAP,
    INTERACTIVE,
    LAYOUTS,
    PREFIX_LENGTH,
    STREAM_END,
    Frame,
    Oversized,
)
from iapeer_memory.attach.errors import BadEnvelope

CONTROL_CAP = 1 << 20
"""The largest body on channel 0. The wire's own limit is 64 MiB, far more than an attach needs."""
PLAIN = INTERACTIVE | BINARY
"""Flags up to here are all allowed; others are looked at one by one."""


class FrameReader:
    """Of one connection. After `error` is set nothing more is read; the connection is over."""

    __slots__ = ("_body_cap", "_control_cap", "_need", "_rest", "_skip", "_skipped", "error")

    def __init__(self, *, body_cap: int = BODY_CAP, control_cap: int = CONTROL_CAP) -> None:
        self._body_cap = body_cap
        self._control_cap = control_cap
        self._rest = bytearray()
        self._need = 0
        self._skip = 0
        self._skipped: Oversized | None = None
        self.error: BadEnvelope | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole by now. What comes before a bad header is given out, what follows is not."""
        if self.error is not None:
            return []
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._need:
                return []
            data = bytes(rest)
            self._rest = bytearray()
        frames: list[Frame] = []
        at = self._drop(data, frames) if self._skipped is not None else 0
        try:
            at = self._cut(data, at, frames)
        except BadEnvelope as error:
            self.error = error
            return frames
        if at < len(data):
            self._rest += data[at:]
            self._need -= at
        return frames

    def eof(self) -> BadEnvelope | None:
        """What is wrong with a stream that ends here; None where it ends between two frames."""
        have = len(self._rest)
        if self._skipped is not None:
            whole = self._skipped.length
            return BadEnvelope("unexpected_eof", stage="body", expected=whole, actual=whole - self._skip)
        if self.error is not None or not have:
            return self.error
        layout = LAYOUTS[self._rest[4]] if have >= PREFIX_LENGTH else None
        if layout is None or have < layout.length:
            need = PREFIX_LENGTH if layout is None else layout.length
            return BadEnvelope("unexpected_eof", stage="header", expected=need, actual=have)
        head = layout.length
        return BadEnvelope("unexpected_eof", stage="body", expected=self._need - head, actual=have - head)

    def _cut(self, data: bytes, at: int, frames: list[Frame]) -> int:
        """Cut frames off from a place on: the place of what is not whole yet; it needs `_need` bytes in all."""
        end = len(data)
        while at < end:
            if end - at < PREFIX_LENGTH:
                self._need = at + PREFIX_LENGTH
                break
            layout = LAYOUTS.get(data[at + 4])
            if layout is None:
                raise BadEnvelope("unsupported_version", ver=data[at + 4])
            head = at + layout.length
            if end < head:
                self._need = head
                break
            length, version, kind, flags, channel, corr = layout.header.unpack_from(data, at)
            if kind > STREAM_END or flags > PLAIN:
                layout.check(length, kind, flags)
            if length > self._body_cap:
                raise BadEnvelope("body_too_large", len=length, max=self._body_cap)
            if not channel and length > self._control_cap:
                self._skip = length
                self._skipped = Oversized(version, kind, flags, channel, corr, data[at:head], length)
                at = head + self._drop(data[head:], frames)
                continue
            whole = head + length
            if end < whole:
                self._need = whole
                break
            frames.append(Frame(version, kind, flags, channel, corr, data[at:whole]))
            at = whole
        return at

    def _drop(self, data: bytes, frames: list[Frame]) -> int:
        """Drop what belongs to a body that is too large: how many bytes that were."""
        assert self._skipped is not None
        dropped = min(len(data), self._skip)
        self._skip -= dropped
        if not self._skip:
            frames.append(self._skipped)
            self._skipped = None
        return dropped
