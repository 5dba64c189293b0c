"""Bytes to messages. Never raises anything but DecodeFailed, and never takes longer than the bytes are long.

A field twice: the last scalar wins, repeated ones are added up, sub-messages are merged. Fields that the class does not
declare, or that come with another wire type than declared, are kept and passed over, groups and fixed numbers too. A
map's entry that holds such a field is kept whole, in the bytes that are written for it, and is not in the map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from iapeer_memory.broker.protobuf.declare import (
    FIXED32,
    FIXED64,
    GROUP,
    GROUP_END,
    LENGTH,
    VARINT,
    Kind,
    Message,
    Pair,
    PerClass,
    Shape,
    specs,
)
from iapeer_memory.broker.protobuf.write import encode, raw_writer
from iapeer_memory.broker.protobuf.write import varint as encoded_number

DEEPEST = 100
"""Messages and groups inside one another; deeper ones are refused."""

M = TypeVar("M", bound=Message)


class DecodeFailed(ValueError):
    """The bytes are not such a message; the text says in one line why."""


def decode(type_: type[M], data: bytes | bytearray | memoryview) -> M:
    """The message in the bytes. Raises DecodeFailed, nothing else."""
    try:
        return read_message(type_, bytes(data), DEEPEST)
    except IndexError:
        raise DecodeFailed("the message ends in the middle of a field") from None
    except UnicodeDecodeError:
        raise DecodeFailed("a text is not UTF-8") from None


def signed(value: int) -> int:
    """The low 32 bits as a signed number."""
    value &= 0xFFFFFFFF
    return value - 2**32 if value >= 2**31 else value


NUMBERS: Mapping[Kind | None, Callable[[int], object]] = {
    "uint32": lambda value: value & 0xFFFFFFFF,
    "uint64": lambda value: value,
    "int32": signed,
    "enum": signed,
    "bool": bool,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How one field is read. `number`: what is made of a varint. `others`: fields of its oneof, which it clears.

    `plain`: one text or bytes, or one number.
    """

    name: str
    shape: Shape
    kind: Kind | None
    type: type[Message] | None
    number: Callable[[int], object] | None
    others: tuple[str, ...]
    plain: bool


def readers_of(type_: type[Message]) -> Mapping[int, Reader]:
    """The class's readers by tag: field number and wire type in one."""
    declared = specs(type_)
    readers = {}
    for name, spec in declared:
        others = tuple(other for other, its in declared if spec.oneof and its.oneof == spec.oneof and other != name)
        plain, number = spec.shape in ("implicit", "optional"), NUMBERS.get(spec.kind)
        reader = Reader(name, spec.shape, spec.kind, spec.type, number, others, plain)
        readers[spec.number << 3 | spec.wire_type] = reader
    return readers


READERS = PerClass(readers_of)


def read_message(type_: type[M], data: bytes, depth: int) -> M:
    """As `decode`; bytes that end too early are an IndexError."""
    if not depth:
        raise DecodeFailed(f"messages are nested more than {DEEPEST} deep")
    readers = READERS[type_]
    values: dict[str, Any] = {}
    parts: dict[str, tuple[Reader, list[bytes]]] = {}
    maps: dict[str, dict[str, str]] = {}
    unknown: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        start = at
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = tag_at(data, start)
        reader = readers.get(tag)
        if reader is None:
            at = pass_over(data, tag, at, depth)
            unknown.append(data[start:at])
            continue
        size = data[at]
        at += 1
        if size >= 0x80:
            size, at = varint(data, at - 1)
        for other in reader.others:
            values.pop(other, None)
            parts.pop(other, None)
        if reader.number is not None:
            values[reader.name] = reader.number(size)
            continue
        stop = at + size
        if stop > end:
            raise IndexError
        raw = data[at:stop]
        at = stop
        if reader.plain:
            values[reader.name] = raw if reader.kind == "bytes" else raw.decode()
        elif reader.shape == "map":
            pair = read_message(Pair, raw, depth - 1)
            if pair.unknown:
                raw_writer(encoded_number(tag), encode)(unknown, pair)
            else:
                maps.setdefault(reader.name, {})[pair.key] = pair.value
        else:
            parts.setdefault(reader.name, (reader, []))[1].append(raw)
    for name, (reader, raws) in parts.items():
        values[name] = gather(reader, raws, depth - 1)
    for name, pairs in maps.items():
        values[name] = MappingProxyType(pairs)
    if unknown:
        values["unknown"] = b"".join(unknown)
    return type_(**values)


def gather(reader: Reader, raws: list[bytes], depth: int) -> object:
    """The value of a field that may come several times."""
    if reader.type is None:
        return tuple(raws) if reader.kind == "bytes" else tuple(raw.decode() for raw in raws)
    read = [read_message(reader.type, raw, depth) for raw in raws]
    if reader.shape == "repeated":
        return tuple(read)
    return read[0] if len(read) == 1 else read_message(reader.type, b"".join(raws), depth)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """(the number that begins at `at`, where it ends)."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise DecodeFailed("a number is longer than 64 bits")


def tag_at(data: bytes, at: int) -> tuple[int, int]:
    """As `varint`, for a tag: at most 32 bits in five bytes."""
    tag, after = varint(data, at)
    if after - at > 5 or tag >= 2**32:
        raise DecodeFailed("a tag is longer than 32 bits")
    return tag, after


def pass_over(data: bytes, tag: int, at: int, depth: int) -> int:
    """Where a field that we do not know ends, its tag read already. Groups are closed by their own number."""
    open_groups: list[int] = []
    while True:
        number, wire_type = tag >> 3, tag & 7
        if not number and not open_groups:
            raise DecodeFailed("there is no field number 0")
        if wire_type == VARINT:
            _, at = varint(data, at)
        elif wire_type == LENGTH:
            size, at = varint(data, at)
            at += size
        elif wire_type == FIXED64:
            at += 8
        elif wire_type == FIXED32:
            at += 4
        elif wire_type == GROUP:
            open_groups.append(number)
            if len(open_groups) >= depth:
                raise DecodeFailed(f"messages are nested more than {DEEPEST} deep")
        elif wire_type != GROUP_END or not open_groups or open_groups.pop() != number:
            raise DecodeFailed(f"field {number} has no such wire type")
        if at > len(data):
            raise IndexError
        if not open_groups:
            return at
        tag, at = tag_at(data, at)
