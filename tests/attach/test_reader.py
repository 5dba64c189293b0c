"""A stream is cut into the same frames however it arrives; a second codec, made from the byte table, agrees."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.attach.envelope import BODY_CAP, PING, REQUEST, TYPE_NAMES, Frame, Oversized, encoded
from iapeer_memory.attach.reader import CONTROL_CAP, FrameReader
from tests.support.second_codec import BARE, KINDS, Told, read, write

FLAGS = st.sampled_from([flags for flags in range(16) if flags & 6 != 6])


@st.composite
def frames(draw: st.DrawFn) -> Told:
    """Any frame that the wire allows."""
    kind = draw(st.sampled_from(KINDS))
    body = b"" if kind in BARE else draw(st.binary(max_size=60))
    return Told(kind, draw(FLAGS), draw(st.integers(0, 65535)), draw(st.integers(0, 2**64 - 1)), body)


def told(frame: Frame) -> Told:
    return Told(TYPE_NAMES[frame.kind].lower(), frame.flags, frame.channel, frame.corr, frame.body)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces of these lengths, then the rest."""
    found = []
    for cut in cuts:
        found.append(data[:cut])
        data = data[cut:]
    return [*found, data]


def taken(data: list[bytes]) -> tuple[list[Told], str | None]:
    """What the reader makes of a stream that ends after these pieces."""
    reader = FrameReader()
    got = [told(frame) for piece in data for frame in reader.feed(piece)]
    fault = reader.eof()
    return got, None if fault is None else fault.kind


@given(frames())
def test_both_write_the_same_bytes(frame: Told) -> None:
    ours = encoded(KINDS.index(frame.kind), frame.channel, frame.corr, frame.body, flags=frame.flags)
    assert ours == write(frame)


@given(st.lists(frames(), max_size=6), st.lists(st.integers(0, 40), max_size=20))
def test_a_stream_arrives_in_any_pieces(sent: list[Told], cuts: list[int]) -> None:
    data = b"".join(write(frame) for frame in sent)
    assert taken(pieces(data, cuts)) == (sent, None)


@settings(max_examples=300)
@given(st.lists(frames(), max_size=3), st.binary(max_size=40), st.data())
def test_both_read_the_same_out_of_any_bytes(sent: list[Told], junk: bytes, data: st.DataObject) -> None:
    stream = bytearray(b"".join(write(frame) for frame in sent) + junk)
    for _ in range(data.draw(st.integers(0, 3))):
        if stream:
            stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    cuts = data.draw(st.lists(st.integers(0, 30), max_size=8))
    assert taken(pieces(bytes(stream), cuts)) == read(bytes(stream))


def test_a_frame_may_be_cut_at_each_byte() -> None:
    data = encoded(REQUEST, 7, 9, b"body") + encoded(PING, 0, 1)
    for cut in range(len(data) + 1):
        reader = FrameReader()
        got = reader.feed(data[:cut]) + reader.feed(data[cut:])
        assert [frame.raw for frame in got] == [data[:21], data[21:]]
        assert reader.eof() is None


@pytest.mark.parametrize(
    ("cut", "detail"),
    [
        (1, {"stage": "header", "expected": 5, "actual": 1}),
        (5, {"stage": "header", "expected": 17, "actual": 5}),
        (16, {"stage": "header", "expected": 17, "actual": 16}),
        (17, {"stage": "body", "expected": 4, "actual": 0}),
        (19, {"stage": "body", "expected": 4, "actual": 2}),
    ],
)
def test_a_stream_that_ends_within_a_frame(cut: int, detail: dict[str, int | str]) -> None:
    reader = FrameReader()
    assert reader.feed(encoded(REQUEST, 1, 1, b"body")[:cut]) == []
    fault = reader.eof()
    assert fault is not None
    assert (fault.kind, fault.detail) == ("unexpected_eof", detail)


def test_the_version_is_looked_at_before_the_rest_has_come() -> None:
    reader = FrameReader()
    assert reader.feed(bytes(4)) == []
    assert reader.error is None
    assert reader.feed(b"\x02") == []
    assert reader.error is not None
    assert reader.error.kind == "unsupported_version"


def test_a_header_in_three_pieces() -> None:
    data = encoded(REQUEST, 1, 1, b"x")
    reader = FrameReader()
    assert reader.feed(data[:3]) + reader.feed(data[3:11]) == []
    assert [frame.raw for frame in reader.feed(data[11:])] == [data]


def test_what_comes_before_a_bad_header_counts() -> None:
    reader = FrameReader()
    got = reader.feed(encoded(PING, 0, 1) + b"\0\0\0\0\x09" + encoded(PING, 0, 2))
    assert [frame.corr for frame in got] == [1]
    assert reader.error is not None
    assert reader.feed(encoded(PING, 0, 3)) == []


def test_a_body_beyond_the_cap_is_refused_from_its_header() -> None:
    reader = FrameReader()
    head = (BODY_CAP + 1).to_bytes(4, "little") + bytes((1, REQUEST, 0, 1, 0)) + bytes(8)
    assert reader.feed(head) == []
    assert reader.error is not None
    assert reader.error.detail == {"len": BODY_CAP + 1, "max": BODY_CAP}


def test_the_largest_body_of_a_route_arrives() -> None:
    data = encoded(REQUEST, 1, 1, bytes(BODY_CAP))
    reader = FrameReader()
    got = [frame for at in range(0, len(data), 1 << 20) for frame in reader.feed(data[at : at + (1 << 20)])]
    assert [len(frame.body) for frame in got] == [BODY_CAP]


@pytest.mark.parametrize("size", [CONTROL_CAP + 1, BODY_CAP])
def test_a_large_body_on_the_control_channel_is_dropped_as_it_comes(size: int) -> None:
    data = memoryview(encoded(REQUEST, 0, 5, bytes(size)) + encoded(PING, 0, 6))
    reader = FrameReader()
    got: list[Frame] = []
    for at in range(0, len(data), 1 << 18):
        got += reader.feed(bytes(data[at : at + (1 << 18)]))
        assert len(reader._rest) < 1 << 18
    assert [type(frame) for frame in got] == [Oversized, Frame]
    assert isinstance(got[0], Oversized)
    assert (got[0].length, got[0].corr, got[1].corr) == (size, 5, 6)


def test_a_stream_that_ends_within_a_dropped_body() -> None:
    reader = FrameReader()
    reader.feed(encoded(REQUEST, 0, 5, bytes(CONTROL_CAP + 10))[:1000])
    fault = reader.eof()
    assert fault is not None
    assert fault.detail == {"stage": "body", "expected": CONTROL_CAP + 10, "actual": 983}
