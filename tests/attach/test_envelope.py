"""Headers byte for byte: the wire's vectors, and what is refused, in its order."""

from __future__ import annotations

import hashlib

import pytest

from iapeer_memory.attach import bodies
from iapeer_memory.attach.bodies import Identity, Tier
from iapeer_memory.attach.envelope import (
    BODY_CAP,
    CANCEL,
    ERROR,
    GOODBYE,
    LAYOUTS,
    PING,
    PONG,
    REQUEST,
    RESPONSE,
    STREAM_DATA,
    Layout,
    decoded,
    encoded,
)
from iapeer_memory.attach.errors import BadEnvelope
from iapeer_memory.attach.reader import FrameReader

PING_JSON = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
VECTORS = {
    "ping": (encoded(PING, 0, 4), "0000000001070000000400000000000000"),
    "pong": (encoded(PONG, 0, 4), "0000000001080000000400000000000000"),
    "goodbye to the router": (encoded(GOODBYE, 0, 7), "00000000010b0000000700000000000000"),
    "goodbye on a route": (encoded(GOODBYE, 1, 0), "00000000010b0001000000000000000000"),
    "cancel": (encoded(CANCEL, 7, 99), "0000000001060007006300000000000000"),
    "a request's header": (
        encoded(REQUEST, 42, 0xDEADBEEF00000001, bytes(1234), flags=2)[:17],
        "d20400000100022a0001000000efbeadde",
    ),
    "a small request": (
        encoded(REQUEST, 0, 1, PING_JSON, flags=2),
        "2800000001000200000100000000000000" + PING_JSON.hex(),
    ),
    "stream data": (
        encoded(STREAM_DATA, 513, 320255973501901, bytes.fromhex("000102037f80feff"), flags=13),
        "0800000001030d0102cdab896745230100000102037f80feff",
    ),
    "attach ack": (
        encoded(RESPONSE, 0, 101, bodies.route_named(1)),
        "13000000010100000065000000000000007b22726f7574655f6368616e6e656c223a317d",
    ),
    "relay answer": (
        encoded(RESPONSE, 0, 1, bodies.relay_answer(True)),
        "0f000000010100000001000000000000007b22616363657074223a747275657d",
    ),
    "detach relay": (
        encoded(REQUEST, 0, 0, bodies.route_named(1)),
        "13000000010000000000000000000000007b22726f7574655f6368616e6e656c223a317d",
    ),
    "poll": (
        encoded(REQUEST, 0, 5, bodies.poll("status", 1), flags=2),
        "21000000010002000005000000000000007b226f70223a22737461747573222c22726f7574655f6368616e6e656c223a317d",
    ),
    "unknown channel": (
        encoded(ERROR, 9, 5, bodies.error_body("unknown_channel", "unknown channel 9")),
        "38000000010500090005000000000000007b22636f6465223a22756e6b6e6f776e5f6368616e6e656c222c226d657373616765223a"
        "22756e6b6e6f776e206368616e6e656c2039227d",
    ),
    "a veto": (
        encoded(ERROR, 0, 101, bodies.error_body("config_divergence", "active config differs")),
        "3e000000010500000065000000000000007b22636f6465223a22636f6e6669675f646976657267656e6365222c226d657373616765"
        "223a2261637469766520636f6e6669672064696666657273227d",
    ),
}
IDENTITY = Identity("/tmp/subc/project", "opencode", "session-0001")
TIERS = (
    Tier("user", "/abs/user/aft.jsonc", '{ // user defaults\n  "auto_accept": false\n}'),
    Tier("project", "/tmp/subc/project/aft.jsonc", '{ "session": "session-0001", "semantic": true }'),
)


@pytest.mark.parametrize("name", VECTORS)
def test_a_frame_is_these_bytes(name: str) -> None:
    made, expected = VECTORS[name]
    assert made.hex() == expected
    [frame] = FrameReader().feed(made + bytes(1234) if name == "a request's header" else made)
    assert encoded(frame.kind, frame.channel, frame.corr, frame.body, flags=frame.flags)[: len(made)] == made


@pytest.mark.parametrize(
    ("frame", "header", "length", "digest"),
    [
        (
            encoded(REQUEST, 0, 101, bodies.attach_request(IDENTITY, TIERS), flags=2),
            "3c01000001000200006500000000000000",
            316,
            "338441aa2c0555967a9526d10cb1673f05d1e2743f0e99cd006acb012083b5fa",
        ),
        (
            encoded(REQUEST, 0, 1, bodies.attach_relay(1, IDENTITY, TIERS)),
            "4e01000001000000000100000000000000",
            334,
            "36cbe52396b207ec53c9591249be87706be608ba1d12a2855eb62ac25247dc59",
        ),
    ],
    ids=["request", "relay"],
)
def test_an_attach_is_these_bytes(frame: bytes, header: str, length: int, digest: str) -> None:
    assert frame[:17].hex() == header
    assert len(frame) == 17 + length
    assert hashlib.sha256(frame).hexdigest() == digest


def head(*, length: int = 0, version: int = 1, kind: int = 0, flags: int = 0, channel: int = 1) -> bytes:
    """A header, whatever it says."""
    return length.to_bytes(4, "little") + bytes((version, kind, flags)) + channel.to_bytes(2, "little") + bytes(8)


@pytest.mark.parametrize(
    ("data", "kind", "detail"),
    [
        (b"", "too_short_for_prefix", {"have": 0}),
        (bytes(4), "too_short_for_prefix", {"have": 4}),
        (head()[:10], "too_short_for_header", {"have": 10, "need": 17}),
        (head(version=2)[:5], "unsupported_version", {"ver": 2}),
        (head(version=0), "unsupported_version", {"ver": 0}),
        (head(kind=99), "unknown_frame_type", {"byte": 99}),
        (head(kind=12), "unknown_frame_type", {"byte": 12}),
        (head(flags=0x10), "reserved_flag_bits", {"flags": 0x10}),
        (head(flags=0x80), "reserved_flag_bits", {"flags": 0x80}),
        (head(flags=0x06), "reserved_priority_bits", {"flags": 6}),
        (head(kind=PING, length=1), "pure_header_frame_with_body", {"type": PING, "len": 1}),
        # The order in which they are told, where a header has more than one fault.
        (head(version=9, kind=99)[:6], "unsupported_version", {"ver": 9}),
        (head(kind=99, flags=0xFF), "unknown_frame_type", {"byte": 99}),
        (head(flags=0xF6), "reserved_flag_bits", {"flags": 0xF6}),
        (head(kind=PING, length=BODY_CAP + 1), "pure_header_frame_with_body", {"type": PING, "len": BODY_CAP + 1}),
    ],
)
def test_what_is_no_header(data: bytes, kind: str, detail: dict[str, int]) -> None:
    with pytest.raises(BadEnvelope) as caught:
        decoded(data)
    assert (caught.value.kind, caught.value.detail) == (kind, detail)


@pytest.mark.parametrize("bit", range(4, 8))
def test_every_reserved_bit_is_refused(bit: int) -> None:
    with pytest.raises(BadEnvelope, match="reserved_flag_bits"):
        decoded(head(flags=1 << bit))


@pytest.mark.parametrize("kind", range(12))
@pytest.mark.parametrize("length", [0, 1])
def test_which_types_have_a_body(kind: int, length: int) -> None:
    if length and kind in (CANCEL, PING, PONG, GOODBYE):
        with pytest.raises(BadEnvelope, match="pure_header"):
            encoded(kind, 1, 1, bytes(length))
        with pytest.raises(BadEnvelope, match="pure_header"):
            decoded(head(kind=kind, length=length))
    else:
        assert decoded(encoded(kind, 1, 1, bytes(length)))[:3] == (length, 1, kind)


def test_the_largest_body_and_one_byte_more() -> None:
    assert len(encoded(REQUEST, 1, 1, bytes(BODY_CAP))) == 17 + BODY_CAP
    with pytest.raises(BadEnvelope) as caught:
        encoded(REQUEST, 1, 1, bytes(BODY_CAP + 1))
    assert caught.value.detail == {"len": BODY_CAP + 1, "max": BODY_CAP}


def test_a_writer_says_the_length_of_its_body() -> None:
    with pytest.raises(BadEnvelope) as caught:
        encoded(REQUEST, 1, 1, b"abc", length=4)
    assert (caught.value.kind, caught.value.detail) == ("body_length_mismatch", {"header": 4, "body": 3})
    with pytest.raises(BadEnvelope, match="unsupported_version"):
        encoded(REQUEST, 1, 1, version=2)


@pytest.mark.parametrize(
    ("header", "kind", "flags", "channel", "corr", "length"),
    [
        ("280000000200020000000000000100000000000000", 0, 2, 0, 1, 40),
        ("00000000020b000000000000000700000000000000", 11, 0, 0, 7, 0),
        ("0800000002031d010201000000cdab896745230100", 3, 29, 513, 320255973501901, 8),
        ("27000000020504ffffffffffff6300000000000000", 5, 4, 65535, 99, 39),
        ("030000000202202a00ffffffff0000000000000000", 2, 32, 42, 0, 3),
    ],
)
def test_a_later_version_is_a_row(
    header: str, kind: int, flags: int, channel: int, corr: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Layout(2, "<IBBBH4xQ", types=12, reserved=0x80, pure=(CANCEL, PING, PONG, GOODBYE))
    monkeypatch.setitem(LAYOUTS, 2, later)
    data = bytes.fromhex(header) + bytes(length)
    assert decoded(data) == (length, 2, kind, flags, channel, corr)
    for at in range(len(data)):
        reader = FrameReader()
        frames = reader.feed(data[:at]) + reader.feed(data[at:] + encoded(PING, 0, 4))
        assert [(frame.version, frame.raw) for frame in frames] == [(2, data), (1, encoded(PING, 0, 4))]
