"""One socket, several wires: what each first byte, frame and fragment becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker.birth import LANE, Birth, birth_request, read_birth_reply
from iapeer_memory.broker.mux import Answered, Detected, Drop, EndpointMux, Event, Legacy, Payload
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.wire_v1.frame import Frame, request
from iapeer_memory.broker.wire_v1.framing import Unframer, framed
from iapeer_memory.broker.wire_v1.probe import probe_request, read_probe_reply, with_legacy_hash
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint

SERVED = 0xF0B7
NONCE = bytes(range(32))
WHO = with_legacy_hash(
    DaemonProcess(pid=7, exe_path="/x", ipc_endpoint=Endpoint(path="/s"), exe_hash_algorithm="blake3", exe_hash=NONCE)
)
BIRTH = Birth(started="b:1", build="0.6.0", program="p", version="1.0.0")
ASKED = framed(encode(request(SERVED, b"hello", 9)))


def mux(**more: object) -> EndpointMux:
    return EndpointMux(WHO, {SERVED}, birth=BIRTH, **more)  # type: ignore[arg-type]


def events(one: EndpointMux, *pieces: bytes) -> list[Event]:
    found = []
    for piece in pieces:
        one.feed(piece)
        while (event := one.next()) is not None:
            found.append(event)
    return found


def body(reply: bytes) -> bytes:
    unframer = Unframer()
    unframer.feed(reply)
    found = unframer.next()
    assert found is not None
    assert not unframer.rest()
    return found


def test_a_probe_is_answered_with_nonce_and_identity() -> None:
    (event,) = events(mux(), probe_request(NONCE))
    assert isinstance(event, Answered)
    assert read_probe_reply(body(event.reply), NONCE) == WHO
    assert encode(WHO).endswith(b"\x1a\x20" + bytes(32))  # for readers of old
    assert NONCE + encode(WHO) in event.reply


def test_our_lane_tells_start_and_build() -> None:
    (event,) = events(mux(), birth_request(5))
    assert isinstance(event, Answered)
    assert read_birth_reply(body(event.reply), 5) == BIRTH
    (silent,) = events(EndpointMux(WHO, {SERVED}), birth_request(5))
    assert isinstance(silent, Drop)


def test_a_payload_comes_out_as_it_went_in() -> None:
    assert events(mux(), ASKED) == [Payload(request(SERVED, b"hello", 9))]


def test_several_wires_on_one_connection_in_their_order() -> None:
    found = events(mux(), probe_request(NONCE) + ASKED + birth_request(1) + ASKED)
    assert [type(one) for one in found] == [Answered, Payload, Answered, Payload]


@pytest.mark.parametrize("cut", range(1, len(ASKED)))
def test_cut_anywhere_it_is_one_request(cut: int) -> None:
    one = mux()
    one.feed(ASKED[:cut])
    assert one.next() is None
    assert one.amid
    assert events(one, ASKED[cut:]) == [Payload(request(SERVED, b"hello", 9))]
    assert not one.amid


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (request(0x0000, b"", 1), "first-party"),
        (request(0xAD01, b"", 1), "first-party"),
        (request(0xD0FF, b"", 1), "first-party"),
        (request(0x5350, b"", 1), "first-party"),
        (request(0xF0B8, b"", 1), "not served"),
        (request(0x9000, b"", 1), "not served"),
        (request(0xB232, b"short", 1), "nonce"),
        (Frame(envelope_version=2, payload_protocol=SERVED), "envelope"),
        (Frame(envelope_version=1, payload_protocol=SERVED, kind=1), "kind"),
        (Frame(envelope_version=1, payload_protocol=SERVED, kind=3), "kind"),
        (Frame(envelope_version=1, payload_protocol=SERVED, payload_encoding=1), "encoding"),
        (Frame(envelope_version=1, payload_protocol=0xB232, payload_encoding=1, payload=NONCE), "encoding"),
    ],
)
def test_what_is_not_ours_to_answer_ends_the_connection(frame: Frame, reason: str) -> None:
    one = mux()
    found = events(one, framed(encode(frame)) + ASKED)
    assert len(found) == 1
    assert isinstance(found[0], Drop)
    assert reason in found[0].reason
    assert one.next() is None


@pytest.mark.parametrize("data", [b"\x01\xff\xff\xff\xff", b"\x01\x03\x00\x00\x00\xff\xff\xff"])
def test_garbage_behind_a_good_first_byte(data: bytes) -> None:
    (event,) = events(mux(), data)
    assert isinstance(event, Drop)


def test_a_cap_is_known_from_the_header() -> None:
    (event,) = events(mux(cap=100), b"\x01\x65\x00\x00\x00")
    assert event == Drop("a frame of 101 bytes is over the cap of 100")


@pytest.mark.parametrize("data", [b"\x02", b"GET / HTTP/1.1\r\n", b"\x00\x01"])
def test_another_first_byte_is_the_daemons_older_wire(data: bytes) -> None:
    one = mux()
    assert events(one, data) == [Legacy(data)]
    assert not one.amid


def test_a_detector_wins_ties_on_the_first_byte_and_may_want_more() -> None:
    def detector(data: bytes) -> Detected:
        if data[:1] != b"\x01":
            return "ours"
        return "more" if len(data) < 2 else "legacy" if data[1:2] == b"!" else "ours"

    one = mux(detector=detector)
    one.feed(b"\x01")
    assert one.next() is None
    assert events(one, b"!x") == [Legacy(b"\x01!x")]
    assert len(events(mux(detector=detector), ASKED[:1], ASKED[1:])) == 1


def test_the_wire_is_settled_once() -> None:
    found = events(mux(detector=lambda data: "legacy" if data[:1] == b"L" else "ours"), ASKED, b"L", ASKED)
    assert isinstance(found[0], Payload)
    assert isinstance(found[1], Drop)


@pytest.mark.parametrize("protocol", [0x0000, 0xAD01, 0xB232, 0x5350, 0x7F00, 0xEFFF, LANE])
def test_a_protocol_that_no_backend_may_serve(protocol: int) -> None:
    with pytest.raises(ValueError, match="not a backend's to serve"):
        EndpointMux(WHO, {protocol})


@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_no_bytes_bring_it_down(pieces: list[bytes], framing: bool) -> None:
    pieces = [framed(piece) for piece in pieces] if framing else pieces
    found = events(mux(cap=1 << 16), *pieces)
    over = [index for index, event in enumerate(found) if isinstance(event, Drop | Legacy)]
    assert over in ([], [len(found) - 1])
