"""A second reader and writer of frames, made from the wire's byte table alone: it shares no code with the product.

Slow and plain on purpose: one byte at a time, one rule after the other.
"""

from __future__ import annotations

from typing import NamedTuple

KINDS = ["request", "response", "push", "stream_data", "stream_end", "error"]
KINDS += ["cancel", "ping", "pong", "hello", "hello_ack", "goodbye"]
BARE = {"cancel", "ping", "pong", "goodbye"}
LARGEST = 64 * 1024 * 1024


class Told(NamedTuple):
    """A frame: the type by its name."""

    kind: str
    flags: int
    channel: int
    corr: int
    body: bytes


class Fault(Exception):
    """What is wrong, by the word that the product uses for it."""


def number(data: bytes) -> int:
    """A little-endian number."""
    value = 0
    for place, byte in enumerate(data):
        value += byte * 256**place
    return value


def octets(value: int, count: int) -> bytes:
    """A little-endian number of so many bytes."""
    return bytes(value // 256**place % 256 for place in range(count))


def write(told: Told) -> bytes:
    """The bytes of a frame."""
    head = octets(len(told.body), 4) + octets(1, 1) + octets(KINDS.index(told.kind), 1) + octets(told.flags, 1)
    return head + octets(told.channel, 2) + octets(told.corr, 8) + told.body


def read(data: bytes) -> tuple[list[Told], str | None]:
    """Every frame of a whole stream, and what ends it otherwise than between two frames."""
    frames: list[Told] = []
    while data:
        try:
            told, taken = one(data)
        except Fault as fault:
            return frames, str(fault)
        frames.append(told)
        data = data[taken:]
    return frames, None


def one(data: bytes) -> tuple[Told, int]:
    """The first frame and its length. Raises Fault."""
    if len(data) < 5:
        raise Fault("unexpected_eof")
    if data[4] != 1:
        raise Fault("unsupported_version")
    if len(data) < 17:
        raise Fault("unexpected_eof")
    length, kind, flags = number(data[0:4]), data[5], data[6]
    if kind > 11:
        raise Fault("unknown_frame_type")
    if flags >= 16:
        raise Fault("reserved_flag_bits")
    if flags // 2 % 4 == 3:
        raise Fault("reserved_priority_bits")
    if KINDS[kind] in BARE and length:
        raise Fault("pure_header_frame_with_body")
    if length > LARGEST:
        raise Fault("body_too_large")
    if len(data) < 17 + length:
        raise Fault("unexpected_eof")
    return Told(KINDS[kind], flags, number(data[7:9]), number(data[9:17]), data[17 : 17 + length]), 17 + length
