"""A module's end of the wire, frame by frame: one answer for each request, and silence where nobody listens."""

from __future__ import annotations

import json

import pytest

from iapeer_memory.attach import bodies, control
from iapeer_memory.attach.bodies import Identity, Tier
from iapeer_memory.attach.envelope import (
    CANCEL,
    ERROR,
    GOODBYE,
    HELLO_ACK,
    PING,
    PUSH,
    REQUEST,
    RESPONSE,
    STREAM_DATA,
    encoded,
)
from iapeer_memory.attach.module_wire import (
    Asked,
    Attached,
    Gone,
    ModuleWire,
    NotRegistered,
    Other,
    Registered,
    Withdrawn,
)
from iapeer_memory.attach.reader import FrameReader
from tests.support.traced import Traced, manifest, shown

IDENTITY = Identity("/p", "h", "s")
TIERS = (Tier("user", "/u", "{"),)


def said(wire: ModuleWire) -> list[str]:
    """What it wants sent."""
    data = b"".join(wire.out)
    wire.out.clear()
    return [shown(frame) for frame in FrameReader().feed(data)]


def registered() -> ModuleWire:
    """A module that is taken on."""
    wire = ModuleWire(manifest())
    said(wire)
    [event] = wire.received(encoded(HELLO_ACK, 0, 1, control.hello_ack_body(1, 1)))
    assert event == Registered(control.CAPABILITIES)
    return wire


def bound() -> ModuleWire:
    """With a session on channel 3."""
    wire = registered()
    [event] = wire.received(encoded(REQUEST, 0, 8, bodies.attach_relay(3, IDENTITY, TIERS)))
    assert event == Attached(8, control.Attach(IDENTITY, TIERS, 3))
    assert wire.accept(8) == 3
    assert said(wire) == ['RESPONSE 0 8 {"accept":true}']
    return wire


def test_it_begins_with_a_hello() -> None:
    wire = ModuleWire(manifest())
    [hello] = said(wire)
    assert hello.startswith('HELLO 0 1 {"manifest":{"module_id": "memory"')


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (encoded(ERROR, 0, 1, bodies.error_body("duplicate_module_id", "m")), "duplicate_module_id"),
        (encoded(ERROR, 0, 1, b"?"), "error"),
        (encoded(HELLO_ACK, 0, 1, b"{}"), "version_unsupported"),
        (encoded(HELLO_ACK, 0, 1, control.hello_ack_body(2, 1)), "version_unsupported"),
    ],
)
def test_it_is_not_taken_on(answer: bytes, code: str) -> None:
    wire = ModuleWire(manifest())
    [event] = wire.received(answer)
    assert isinstance(event, NotRegistered)
    assert event.code == code
    assert not wire.registered


def test_a_request_is_answered_once() -> None:
    wire = bound()
    assert wire.received(encoded(REQUEST, 3, 5, b"q", flags=3)) == [Asked(3, 5, True, b"q")]
    assert wire.stream(3, 5, b"a")
    assert wire.respond(3, 5, b"b")
    assert not wire.respond(3, 5, b"c")
    assert not wire.fail(3, 5, b"{}")
    assert not wire.stream(3, 5, b"d")
    assert not wire.end_stream(3, 5)
    assert not wire.respond(3, 6, b"never asked")
    assert said(wire) == ["STREAM_DATA 3 5 a", "RESPONSE 3 5 b"]


def test_the_same_number_twice_is_answered_twice() -> None:
    wire = bound()
    wire.received(encoded(REQUEST, 3, 5) * 2)
    assert [wire.respond(3, 5, b""), wire.respond(3, 5, b""), wire.respond(3, 5, b"")] == [True, True, False]


def test_a_withdrawn_request_still_has_its_answer() -> None:
    wire = bound()
    assert wire.received(encoded(CANCEL, 3, 5)) == []
    wire.received(encoded(REQUEST, 3, 5))
    assert wire.received(encoded(CANCEL, 3, 5)) == [Withdrawn(3, 5)]
    assert wire.fail(3, 5, bodies.error_body("cancelled", ""))
    assert wire.received(encoded(CANCEL, 3, 5)) == []


def test_nothing_is_said_to_who_has_gone() -> None:
    wire = bound()
    wire.received(encoded(REQUEST, 3, 5))
    assert wire.received(encoded(REQUEST, 0, 0, bodies.route_named(3))) == [Gone(3)]
    assert not wire.respond(3, 5, b"x")
    assert not wire.push(3, b"x")
    assert not wire.stream(3, 5, b"x")
    wire.status(3, "x")
    wire.goodbye(3)
    assert said(wire) == []
    assert wire.received(encoded(REQUEST, 3, 6)) == []


def test_a_session_that_goes_before_it_is_taken_on() -> None:
    wire = registered()
    wire.received(encoded(REQUEST, 0, 8, bodies.attach_relay(3, IDENTITY, TIERS)))
    assert wire.received(encoded(REQUEST, 0, 0, bodies.route_named(3))) == [Gone(3)]
    assert wire.accept(8) == 0
    wire.veto(8, "x", "y")
    assert said(wire) == []


def test_a_veto_is_said_once() -> None:
    wire = registered()
    wire.received(encoded(REQUEST, 0, 8, bodies.attach_relay(3, IDENTITY, TIERS)))
    wire.veto(8, "config_divergence", "a: 1 here, 2 asked for")
    assert wire.accept(8) == 0
    assert said(wire) == ['ERROR 0 8 {"code":"config_divergence","message":"a: 1 here, 2 asked for"}']


def test_pings_pushes_and_the_rest() -> None:
    wire = bound()
    assert wire.received(encoded(PING, 0, 1, flags=2) + encoded(PING, 3, 2)) == []
    assert wire.push(3, b"hello")
    wire.status(3, 'é"')
    wire.goodbye(3)
    wire.goodbye()
    assert said(wire) == [
        "PONG 0 1",
        "PONG 3 2",
        "PUSH 3 0 hello",
        'PUSH 0 0 {"route_channel":3,"status":"é\\""}',
        "GOODBYE 3 0",
        "GOODBYE 0 0",
    ]
    wire = bound()
    [other] = wire.received(encoded(STREAM_DATA, 3, 9, b"up"))
    assert isinstance(other, Other)
    assert other.frame.body == b"up"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"route_channel":0}', b'{"route_channel":1,"project_root":7}', b"\xff"])
def test_a_router_that_talks_nonsense(body: bytes) -> None:
    wire = bound()
    assert wire.received(encoded(REQUEST, 0, 9, body)) == []
    assert [json.loads(one.split(" ", 3)[3])["code"] for one in said(wire)] == ["invalid_attach_request"]
    assert wire.received(encoded(REQUEST, 0, 0, body)) == []
    assert said(wire) == []
    for kind in (PUSH, RESPONSE, ERROR, GOODBYE, HELLO_ACK):
        assert wire.received(encoded(kind, 0, 9, b"" if kind == GOODBYE else body)) == []
    assert wire.received(b"\xff" * 17) == []
    assert wire.reader.error is not None


def test_the_largest_attach_that_the_router_takes_is_read_by_the_module() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    tiers = tuple(Tier("user", "/" + "u" * 100, "\x01" * 50_000) for _ in range(3))
    traced.ask(client, 1, tiers, root="/" + "r" * 4000)
    [relay] = traced.frames(module)
    [event] = registered().received(relay.raw)
    assert isinstance(event, Attached)
    assert event.attach.tiers == tiers
