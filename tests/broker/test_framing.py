"""The framing of the wire: whole frames out of any pieces, and the refusals with all that they tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.broker.wire_v1.framing import FRAME_CAP, HELLO_CAP, FramingError, Unframer, framed


def test_the_caps_are_frozen() -> None:
    assert (FRAME_CAP, HELLO_CAP) == (16777216, 65536)


def test_the_header_is_a_version_and_a_little_endian_length() -> None:
    assert framed(b"") == b"\x01\x00\x00\x00\x00"
    assert framed(b"x" * 0x0102) == b"\x01\x02\x01\x00\x00" + b"x" * 0x0102


@given(bodies=st.lists(st.binary(max_size=40), max_size=6), cuts=st.lists(st.integers(1, 9), min_size=1, max_size=40))
@settings(deadline=None)
def test_frames_come_out_of_any_pieces(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(framed(body) for body in bodies)
    unframer, found, at, turn = Unframer(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        unframer.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
        while (body := unframer.next()) is not None:
            found.append(body)
    assert found == bodies
    assert unframer.rest() == b""
    assert unframer.eof().context == "framing byte"


def test_what_follows_a_frame_is_kept() -> None:
    unframer = Unframer()
    unframer.feed(framed(b"a") + framed(b"") + b"\x01tail")
    assert unframer.next() == b"a"
    assert unframer.next() == b""
    assert unframer.rest() == b"\x01tail"


@pytest.mark.parametrize(
    ("cut", "context"),
    [
        (0, "framing byte"),
        (1, "body length header"),
        (4, "body length header"),
        (5, "frame body"),
        (7, "frame body"),
    ],
)
def test_a_stream_that_ends_early_says_where(cut: int, context: str) -> None:
    unframer = Unframer()
    unframer.feed(framed(b"abc")[:cut])
    assert unframer.next() is None
    error = unframer.eof()
    assert (error.kind, error.context) == ("unexpected-eof", context)


@pytest.mark.parametrize("first", [0, 2, 10, 255])
def test_another_version_is_refused_from_its_byte_alone(first: int) -> None:
    unframer = Unframer()
    unframer.feed(bytes([first]))
    with pytest.raises(FramingError) as raised:
        unframer.next()
    assert (raised.value.kind, raised.value.got, raised.value.expected) == ("unsupported-version", first, 1)


@pytest.mark.parametrize("cap", [HELLO_CAP, FRAME_CAP])
def test_a_length_over_the_cap_is_refused_from_the_header(cap: int) -> None:
    unframer = Unframer(cap)
    unframer.feed(b"\x01" + (cap + 1).to_bytes(4, "little"))
    with pytest.raises(FramingError) as raised:
        unframer.next()
    assert (raised.value.kind, raised.value.body_length, raised.value.cap) == ("too-large", cap + 1, cap)
    unframer = Unframer(cap)
    unframer.feed(b"\x01" + cap.to_bytes(4, "little"))
    assert unframer.next() is None


def test_a_body_over_the_cap_is_not_sent() -> None:
    assert len(framed(b"x" * HELLO_CAP, HELLO_CAP)) == HELLO_CAP + 5
    with pytest.raises(FramingError):
        framed(b"x" * (HELLO_CAP + 1), HELLO_CAP)


@given(data=st.binary(max_size=60), cap=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_garbage_is_frames_or_one_refusal(data: bytes, cap: int) -> None:
    unframer, taken = Unframer(cap), 0
    unframer.feed(data)
    try:
        while (body := unframer.next()) is not None:
            assert len(body) <= cap
            taken += 5 + len(body)
    except FramingError as error:
        assert error.kind in ("unsupported-version", "too-large")
    assert unframer.rest() == data[taken:]
