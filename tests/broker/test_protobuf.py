"""The codec against the other implementation: the same bytes, the same messages, the same refusals."""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.broker.protobuf import (
    DecodeFailed,
    Message,
    decode,
    encode,
    mapping,
    message,
    optional,
    proto,
    repeated,
    specs,
)
from iapeer_memory.broker.wire_v1.frame import Frame
from tests.support.protobuf_peer import Peer, messages, varint, wire
from tests.support.wire_samples import V1, V2, declared_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Message):
    number: int = proto(1, "int32")
    words: tuple[str, ...] = repeated(2, "string")
    inner_map: Mapping[str, str] = mapping(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything(Message):
    """Each kind in each shape."""

    flag: bool = proto(1, "bool")
    small: int = proto(2, "uint32")
    big: int = proto(3, "uint64")
    signed: int = proto(4, "int32")
    choice: int = proto(5, "enum")
    text: str = proto(6, "string")
    data: bytes = proto(7, "bytes")
    maybe_flag: bool | None = optional(8, "bool")
    maybe_text: str | None = optional(9, "string")
    maybe_number: int | None = optional(10, "int32")
    inner: Inner | None = message(11, Inner)
    inners: tuple[Inner, ...] = repeated(12, Inner)
    blobs: tuple[bytes, ...] = repeated(20, "bytes")
    words: tuple[str, ...] = repeated(30, "string")
    pairs: Mapping[str, str] = mapping(40)
    one_text: str | None = optional(50, "string", oneof="one")
    one_inner: Inner | None = message(51, Inner, oneof="one")
    one_number: int | None = optional(60, "uint64", oneof="one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Message):
    pass


TYPES = (Everything, Nothing, *declared_in(*V1, *V2))
PEER = Peer(TYPES)
SOME = settings(max_examples=120, deadline=None)


def both(type_: type[Message], data: bytes) -> tuple[bytes | None, bytes | None]:
    """What each implementation writes for what it read; None where it refused.

    What the other wrote is read and written by ours once more: the other puts a key behind the keys it begins.
    """
    theirs: bytes | None
    try:
        theirs = encode(decode(type_, PEER.of(type_).FromString(data).SerializeToString(deterministic=True)))
    except DecodeError:
        theirs = None
    try:
        return encode(decode(type_, data)), theirs
    except DecodeFailed:
        return None, theirs


@given(value=messages(Everything))
@SOME
def test_the_same_bytes_as_the_other(value: Message) -> None:
    ours = encode(value)
    assert ours == PEER.encoded(value)
    assert decode(type(value), ours) == value


@pytest.mark.parametrize("type_", TYPES, ids=lambda it: f"{it.__module__.split('.')[-2]}-{it.__name__}")
def test_every_message_of_the_wires_as_the_other(type_: type[Message]) -> None:
    @given(value=messages(type_))
    @settings(max_examples=8, deadline=None)
    def check(value: Any) -> None:
        assert encode(value) == PEER.encoded(value)
        assert decode(type_, encode(value)) == value

    check()


@given(data=wire())
@settings(max_examples=400, deadline=None)
def test_any_bytes_as_the_other(data: bytes) -> None:
    ours, theirs = both(Everything, data)
    assert ours == theirs


@given(value=messages(Everything), cut=st.data())
@SOME
def test_damaged_bytes_as_the_other(value: Message, cut: st.DataObject) -> None:
    data = bytearray(encode(value))
    for _ in range(cut.draw(st.integers(0, 3))):
        if data:
            data[cut.draw(st.integers(0, len(data) - 1))] = cut.draw(st.integers(0, 255))
    ours, theirs = both(Everything, bytes(data[: cut.draw(st.integers(0, len(data)))]))
    assert ours == theirs


@given(first=messages(Everything), second=messages(Everything))
@SOME
def test_bytes_behind_one_another_are_merged_as_the_other_does(first: Message, second: Message) -> None:
    ours, theirs = both(Everything, encode(first) + encode(second))
    assert ours == theirs
    assert ours is not None


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x88\x80\x80\x80\x80\x00\x01",
        b"\x88\x00\x01",
        b"\x00\x01",
        b"\x32\x01\xff",
        b"\x0d\x01\x02\x03",
        b"\x0d\x01\x02\x03\x04",
        b"\x32\xff\xff\xff\xff\x0f",
        b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x9b\x06\x08\x01\x9c\x06",
        b"\x9b\x06\x08\x01\xa4\x06",
        b"\x9b\x06",
        b"\x9c\x06",
        b"\x9b\x06" * 99 + b"\x9c\x06" * 99,
        b"\x9b\x06" * 101 + b"\x9c\x06" * 101,
        b"\xc2\x02\x00",
        b"\xc2\x02\x03\x0a\x01a",
        b"\xc2\x02\x03\x12\x01a",
        b"\xc2\x02\x06\x0a\x01a\x0a\x01b",
        b"\xc2\x02\x02\x08\x01",
        b"\xc2\x02\x04\x08\x00\x0a\x00",
        b"\xc2\x02\x0a\x18\x05\x0a\x01a\x20\x06\x12\x01b",
        b"\xc2\x02\x08\x0a\x01a\x0a\x01c\x18\x05",
        b"\xc2\x02\x02\x0a\x05",
    ],
    ids=lambda data: data[:12].hex(),
)
def test_corners_as_the_other(data: bytes) -> None:
    ours, theirs = both(Everything, data)
    assert ours == theirs


@given(data=st.binary(max_size=200), type_=st.sampled_from(TYPES))
@settings(max_examples=300, deadline=None)
def test_garbage_is_read_or_refused(data: bytes, type_: type[Message]) -> None:
    try:
        value = decode(type_, data)
    except DecodeFailed as refused:
        assert str(refused)
        assert "\n" not in str(refused)
    else:
        assert decode(type_, encode(value)) == value


def test_what_we_do_not_know_survives() -> None:
    future = varint(200 << 3 | 2) + b"\x03abc" + varint(15 << 3) + b"\x05"
    read = decode(Frame, encode(Frame(payload=b"x", request_id=7)) + future)
    assert (read.payload, read.request_id, read.unknown) == (b"x", 7, future)
    assert encode(replace(read, request_id=9)) == encode(Frame(payload=b"x", request_id=9)) + future


def test_a_pair_with_more_than_a_pair_survives_as_a_whole() -> None:
    pair = b"\xc2\x02\x08\x0a\x01a\x12\x01b\x18\x05"
    read = decode(Everything, pair)
    assert (read.pairs, read.unknown) == ({}, pair)


def test_an_unknown_enum_number_survives() -> None:
    assert decode(Frame, encode(Frame(kind=77))).kind == 77


@pytest.mark.parametrize(
    "wrong",
    [
        Everything(small=-1),
        Everything(small=2**32),
        Everything(big=2**64),
        Everything(big=-1),
        Everything(signed=2**31),
        Everything(signed=-(2**31) - 1),
        Everything(choice=2**31),
        Everything(text="\ud800"),
        Everything(words=("\udfff",)),
        Everything(pairs={"\ud800": ""}),
        Everything(inner=Inner(number=2**31)),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_a_value_error(wrong: Message) -> None:
    with pytest.raises(ValueError):
        encode(wrong)


def test_maps_are_written_in_the_order_of_their_keys() -> None:
    there, back = {"a": "1", "b": "2", "é": "3"}, {"é": "3", "b": "2", "a": "1"}
    assert encode(Everything(pairs=there)) == encode(Everything(pairs=back)) == PEER.encoded(Everything(pairs=back))


def test_a_decoded_message_cannot_be_changed() -> None:
    read = decode(Everything, encode(Everything(pairs={"a": "b"}, words=("w",))))
    with pytest.raises(TypeError):
        read.pairs["a"] = "c"  # type: ignore[index]
    with pytest.raises(AttributeError):
        read.small = 3  # type: ignore[misc]


@pytest.mark.parametrize("filler", [b"\x5a\x00", b"\x5a\x02\x12\x00", b"\x62\x00", b"\xc2\x02\x00", b"\xa8\x06\x00"])
def test_time_grows_with_the_bytes_only(filler: bytes) -> None:
    """Repeated sub-messages, map entries and unknown fields: eight times the bytes take not much over eight times."""

    def seconds(count: int) -> float:
        data = encode(Everything(inner=Inner(words=("w" * 50,) * 400))) + filler * count
        best = 1e9
        for _ in range(5):
            begun = time.thread_time()
            decode(Everything, data)
            best = min(best, time.thread_time() - begun)
        return best

    gc.disable()  # what it costs grows with all that the tests hold
    try:
        assert seconds(16000) < 40 * seconds(2000)
    finally:
        gc.enable()


def test_declarations_are_data() -> None:
    assert [(name, spec.number, spec.shape, spec.kind) for name, spec in specs(Inner)] == [
        ("number", 1, "implicit", "int32"),
        ("words", 2, "repeated", "string"),
        ("inner_map", 3, "map", None),
    ]
