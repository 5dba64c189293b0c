"""Messages to bytes. Never writes one message in two ways.

The encoding is canonical, so that equal messages have equal bytes: ascending field numbers, zero values left out, the
keys of maps sorted, and last the fields that we do not know, as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from iapeer_memory.broker.protobuf.declare import VARINT, Kind, Message, PerClass, Spec, specs

Put = Callable[[list[bytes], Any], None]
"""Appends one field that is set."""

RANGES: Mapping[Kind | None, tuple[int, int]] = {
    "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1), "int32": (-(2**31), 2**31 - 1), "enum": (-(2**31), 2**31 - 1),
    "bool": (0, 1),
}  # fmt: skip
SMALL = tuple(bytes((number,)) for number in range(0x80))
KEY, VALUE = b"\x0a", b"\x12"


def encode(message: Message) -> bytes:
    """The message's canonical bytes. Raises ValueError for a number out of its range or text that is not Unicode.

    The fields of one oneof are all written where several are set: setting one is the caller's part.
    """
    values, writers = WRITERS[type(message)]
    out: list[bytes] = []
    for value, (put, zero) in zip(values(message), writers, strict=True):
        if value or (zero and value is not None):
            put(out, value)
    out.append(message.unknown)
    return b"".join(out)


def compiled(type_: type[Message]) -> tuple[Callable[[Message], tuple[Any, ...]], tuple[tuple[Put, bool], ...]]:
    """A getter of the class's values by ascending number; for each, its writer and whether a zero is written too."""
    declared = specs(type_)
    writers = tuple((writer(spec), spec.shape in ("optional", "message")) for _, spec in declared)
    return getter(tuple(name for name, _ in declared)), writers


WRITERS = PerClass(compiled)


def getter(names: tuple[str, ...]) -> Callable[[Message], tuple[Any, ...]]:
    """What gives the values of these attributes as a tuple, however many they are."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda message: tuple(getattr(message, name) for name in names)


def writer(spec: Spec) -> Put:
    """What writes the field."""
    tag = varint(spec.number << 3 | spec.wire_type)
    if spec.wire_type == VARINT:
        return number_writer(tag, spec.kind)
    if spec.shape == "map":
        return map_writer(tag)
    raw: Callable[[Any], bytes] = encode if spec.type else bytes
    if spec.kind == "string":
        raw = str.encode
    return repeated_writer(tag, raw) if spec.shape == "repeated" else raw_writer(tag, raw)


def number_writer(tag: bytes, kind: Kind | None) -> Put:
    """Of a number, within the range of its kind; negative ones are ten bytes long."""
    low, high = RANGES[kind]

    def put(out: list[bytes], value: int) -> None:
        if not low <= value <= high:
            raise ValueError(f"{value} is not a {kind}")
        out += (tag, SMALL[value] if 0 <= value < 0x80 else varint(value & 0xFFFFFFFFFFFFFFFF))

    return put


def raw_writer(tag: bytes, raw: Callable[[Any], bytes]) -> Put:
    """Of one text, one message or bytes."""

    def put(out: list[bytes], value: Any) -> None:
        data = raw(value)
        size = len(data)
        out += (tag, SMALL[size] if size < 0x80 else varint(size), data)

    return put


def repeated_writer(tag: bytes, raw: Callable[[Any], bytes]) -> Put:
    """Of several."""
    one = raw_writer(tag, raw)

    def put(out: list[bytes], values: tuple[Any, ...]) -> None:
        for value in values:
            one(out, value)

    return put


def map_writer(tag: bytes) -> Put:
    """Of pairs; both halves of one are there even where they are empty, as other writers have it."""

    def put(out: list[bytes], values: Mapping[str, str]) -> None:
        for key in sorted(values):
            first, second = key.encode(), values[key].encode()
            data = b"".join((KEY, varint(len(first)), first, VALUE, varint(len(second)), second))
            out += (tag, varint(len(data)), data)

    return put


def varint(value: int) -> bytes:
    """A number that is not negative, seven bits a byte, low ones first."""
    if value < 0x80:
        return SMALL[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
