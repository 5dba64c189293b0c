"""Generation 1 of the wire is frozen: its pinned vectors both ways, and a digest of all its tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pytest

from iapeer_memory.broker.protobuf import Message, decode, encode, specs
from iapeer_memory.broker.wire_v1 import frame
from iapeer_memory.broker.wire_v1.control import Hello, HelloReply, Negotiated
from iapeer_memory.broker.wire_v1.frame import Frame, FrameKind
from iapeer_memory.broker.wire_v1.framing import HELLO_CAP, framed
from tests.support.protobuf_peer import Peer
from tests.support.wire_samples import GOLDEN, NEGOTIATED, V1, declared_in, enums_in

TABLES = "cbfbe10d9dd966257a2b880553b366b796fd8f4a87f9f6cdf2a30f05306e36d6"
"""SHA-256 of every message, field and enum of generation 1. It may change only when a field is added under a number
that was never reserved: what is there keeps its number and its kind."""
RESERVED: Mapping[str, tuple[range, ...]] = {
    "Frame": (range(10, 16),),
    "Hello": (range(16, 21),),
    "HandoffOffer": (range(5, 11),),
    "HandoffAck": (range(5, 11),),
    "AdminRequest": (range(10, 21),),
    "AdminReply": (range(10, 21),),
    "CacheManifest": (range(110, 256),),
    "DaemonProcess": (range(3, 4),),
}
RESERVED_NUMBERS: Mapping[str, range] = {
    "ErrorCode": range(10, 21),
    "AdminVerb": range(10, 21),
    "CacheRootKind": range(10, 21),
    "StorageDisposition": range(5, 11),
    "EventKind": range(21, 51),
}


def tables() -> str:
    """All of generation 1 as text."""
    messages = {
        type_.__name__: [
            [name, spec.number, spec.shape, spec.kind, spec.type.__name__ if spec.type else None, spec.oneof]
            for name, spec in specs(type_)
        ]
        for type_ in declared_in(*V1)
    }
    return json.dumps({"messages": messages, "enums": enums_in(*V1)}, sort_keys=True)


def test_the_tables_never_change() -> None:
    assert hashlib.sha256(tables().encode()).hexdigest() == TABLES


@pytest.mark.parametrize("type_", declared_in(*V1), ids=lambda it: it.__name__)
def test_field_numbers_are_single_and_never_reserved(type_: type[Message]) -> None:
    numbers = [spec.number for _, spec in specs(type_)]
    assert len(set(numbers)) == len(numbers)
    for reserved in RESERVED.get(type_.__name__, ()):
        assert not set(numbers) & set(reserved)


def test_enum_numbers_are_single_and_never_reserved() -> None:
    enums = enums_in(*V1)
    assert set(RESERVED_NUMBERS) <= set(enums)
    for name, values in enums.items():
        assert len(set(values.values())) == len(values)
        assert not set(values.values()) & set(RESERVED_NUMBERS.get(name, ()))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_vectors_both_ways(name: str) -> None:
    value, text = GOLDEN[name]
    assert encode(value).hex() == text
    assert decode(type(value), bytes.fromhex(text)) == value


def test_golden_vectors_of_the_other_implementation() -> None:
    peer = Peer(type(value) for value, _ in GOLDEN.values())
    for value, text in GOLDEN.values():
        assert peer.encoded(value).hex() == text


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_vectors_bear_a_field_of_the_future(name: str) -> None:
    value, text = GOLDEN[name]
    future = bytes.fromhex("92bf01") + b"\x02hi"
    read = decode(type(value), bytes.fromhex(text) + future)
    assert read.unknown == future
    assert encode(read) == bytes.fromhex(text) + future


def test_the_framed_hello() -> None:
    body = bytes.fromhex(GOLDEN["Hello"][1])
    assert len(body) == 100
    assert framed(body, HELLO_CAP)[:5].hex() == "0164000000"
    assert len(bytes.fromhex(GOLDEN["Frame"][1])) == 88


def test_a_request_has_no_kind_on_the_wire() -> None:
    assert encode(frame.request(frame.CONTROL, b"", 1)).hex() == "08012801"


def test_a_response_carries_the_context_of_its_request() -> None:
    asked = Frame(envelope_version=1, payload_protocol=frame.ADMIN, request_id=9, traceparent="00-a", tracestate="b=c")
    answer = frame.response(asked, b"x")
    assert (answer.kind, answer.payload_protocol, answer.request_id) == (FrameKind.RESPONSE, frame.ADMIN, 9)
    assert (answer.traceparent, answer.tracestate) == ("00-a", "b=c")
    assert frame.response(None, b"x").request_id == 0


def test_of_the_two_results_the_last_one_counts() -> None:
    refused = bytes.fromhex("1202") + b"\x20\x04"
    both = encode(HelloReply(negotiated=NEGOTIATED)) + refused
    read = decode(HelloReply, both)
    assert read.negotiated is None
    assert read.refused is not None
    assert read.refused.code == 4
    again = decode(HelloReply, refused + encode(HelloReply(negotiated=Negotiated(backend_pipe="p"))))
    assert (again.refused, again.negotiated) == (None, Negotiated(backend_pipe="p"))


def test_a_hello_without_its_envelope_is_no_frame() -> None:
    """A text where an envelope has a number: an old client of generation 2 is told apart, and nothing is taken."""
    read = decode(Frame, encode(Hello(client_min_protocol=1, client_max_protocol=1, service_name="s")))
    assert read.payload_protocol == 0
    assert read.unknown == b"\x1a\x01s"


PROTOCOLS = {
    "control": frame.CONTROL, "admin": frame.ADMIN, "probe": frame.PROBE, "handoff": frame.HANDOFF,
    "session": frame.SESSION, "ours": frame.OURS, "http": frame.BROKER_HTTP,
}  # fmt: skip


def test_payload_protocols_are_distinct_and_known() -> None:
    assert list(PROTOCOLS.values()) == [0x0000, 0xAD01, 0xB232, 0xD0FF, 0x5350, 0xF1A0, 0xF1A1]


@pytest.mark.parametrize(
    ("protocol", "first_party", "may_serve"),
    [
        (0x0000, True, False),
        (0x5350, True, False),
        (0x6FFF, True, False),
        (0x7000, False, True),
        (0x7EFF, False, True),
        (0x7F00, False, False),
        (0xAD01, True, False),
        (0xB232, True, False),
        (0xD0FF, True, False),
        (0xEFFF, False, False),
        (0xF000, False, True),
        (0xF1A0, False, True),
        (0xFFFF, False, True),
        (0x10000, False, False),
    ],
)
def test_who_may_use_a_payload_protocol(protocol: int, first_party: bool, may_serve: bool) -> None:
    assert (frame.is_first_party(protocol), frame.may_serve(protocol)) == (first_party, may_serve)
