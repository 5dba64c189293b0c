"""Route channels: what passes, what waits for a credit, and what is left when an end goes away at any moment."""

from __future__ import annotations

import json

import pytest

from iapeer_memory.attach import bodies
from iapeer_memory.attach.attaching import RELAY_SECONDS
from iapeer_memory.attach.bodies import Identity
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.envelope import (
    CANCEL,
    ERROR,
    GOODBYE,
    PING,
    PONG,
    PUSH,
    REQUEST,
    RESPONSE,
    STREAM_DATA,
    STREAM_END,
    encoded,
)
from iapeer_memory.attach.identity import Root
from iapeer_memory.attach.manifest import CREDITS
from iapeer_memory.attach.router import BUSY_MODULE, DEAD_MODULE, SLOW_READER
from iapeer_memory.attach.routes import MOST_WAITING
from tests.support.traced import Traced


def pair(concurrency: str = "module_managed") -> tuple[Traced, Connection, Connection]:
    """A module and a client on route 1."""
    traced = Traced()
    module, client = traced.module(concurrency=concurrency), traced.come(pid=42)
    traced.bound(client, module)
    return traced, module, client


def test_a_call() -> None:
    traced, module, client = pair()
    traced.say(client, REQUEST, 1, 5, '{"q":1}', flags=2)
    [asked] = traced.frames(module)
    assert asked.raw == encoded(REQUEST, 1, 5, b'{"q":1}', flags=2)
    traced.say(module, PUSH, 1, 0, "meanwhile", flags=8)
    traced.say(module, STREAM_DATA, 1, 5, "a")
    traced.say(module, STREAM_DATA, 1, 5, "b")
    traced.say(module, STREAM_END, 1, 5)
    assert traced.heard(client) == ["PUSH 1 0 meanwhile", "STREAM_DATA 1 5 a", "STREAM_DATA 1 5 b", "STREAM_END 1 5"]


@pytest.mark.parametrize("kind", range(12))
def test_every_type_passes_byte_for_byte_but_a_goodbye(kind: int) -> None:
    traced, module, client = pair()
    frame = encoded(kind, 1, 77, b"" if kind in (CANCEL, PING, PONG, GOODBYE) else b"\0\xff", flags=13)
    traced.bytes(client, frame)
    if kind == GOODBYE:
        assert traced.heard(module) == ['REQUEST 0 0 {"route_channel":1}']
        return
    assert [one.raw for one in traced.frames(module)] == [frame]
    traced.bytes(module, frame)
    assert [one.raw for one in traced.frames(client)] == [frame]


@pytest.mark.parametrize("kind", range(12))
def test_a_frame_of_any_type_for_no_route(kind: int) -> None:
    traced, module, client = pair()
    traced.say(client, kind, 9, 5)
    assert traced.heard(client) == ['ERROR 9 5 {"code":"unknown_channel","message":"unknown channel 9"}']
    other = traced.come()
    traced.say(other, kind, 1, 5)
    assert traced.refused(other)["code"] == "unknown_channel"
    assert traced.heard(module) == traced.heard(client) == []


def test_a_frame_of_the_module_for_no_route_is_dropped() -> None:
    traced, module, client = pair()
    traced.say(client, GOODBYE, 1, 0)
    traced.frames(module)
    traced.say(module, RESPONSE, 1, 5, "late")
    assert traced.heard(module) == traced.heard(client) == []
    assert traced.router.dropped == 1
    assert traced.bound(client, module) == 2


@pytest.mark.parametrize(
    ("concurrency", "credits"), [("serial", 1), ("module_managed", 32), ("stateless_parallel", 1024)]
)
def test_credits(concurrency: str, credits: int) -> None:
    traced, module, client = pair(concurrency)
    for corr in range(1, credits + 3):
        traced.say(client, REQUEST, 1, corr)
    assert [frame.corr for frame in traced.frames(module)] == list(range(1, credits + 1))
    traced.say(module, RESPONSE, 1, 999_999)  # an answer to nothing gives nothing back
    assert traced.frames(module) == []
    for turn, kind in enumerate((RESPONSE, ERROR)):
        traced.say(module, kind, 1, turn + 1)
        assert [frame.corr for frame in traced.frames(module)] == [credits + 1 + turn]
    traced.say(module, STREAM_END, 1, credits + 2)
    assert traced.frames(module) == []
    traced.say(client, REQUEST, 1, 7_000_000)
    assert [frame.corr for frame in traced.frames(module)] == [7_000_000]


def test_how_many_credits_there_are() -> None:
    assert CREDITS == {"serial": 1, "module_managed": 32, "stateless_parallel": 1024}


def test_a_correlation_that_is_used_twice_at_once_is_counted_twice() -> None:
    traced, module, client = pair("serial")
    for _ in range(2):
        traced.say(client, REQUEST, 1, 5)
    assert len(traced.frames(module)) == 1
    traced.say(module, RESPONSE, 1, 5)
    assert len(traced.frames(module)) == 1
    traced.say(module, RESPONSE, 1, 5)
    traced.say(client, REQUEST, 1, 6)
    assert len(traced.frames(module)) == 1


def test_what_waits_behind_a_request_and_what_passes_it() -> None:
    traced, module, client = pair("serial")
    traced.say(client, REQUEST, 1, 1)
    traced.say(client, REQUEST, 1, 2)
    traced.say(client, STREAM_DATA, 1, 2, "of two")
    traced.say(client, STREAM_END, 1, 2)
    traced.say(client, PUSH, 1, 0, "after two")
    traced.say(client, REQUEST, 1, 3)
    traced.say(client, STREAM_DATA, 1, 1, "of one")
    traced.say(client, RESPONSE, 1, 1 << 63, "to the module's own question")
    traced.say(client, CANCEL, 1, 1)
    assert traced.heard(module) == [
        "REQUEST 1 1",
        "STREAM_DATA 1 1 of one",
        f"RESPONSE 1 {1 << 63} to the module's own question",
        "CANCEL 1 1",
    ]
    traced.say(module, ERROR, 1, 1, '{"code":"cancelled","message":""}')
    assert traced.heard(module) == ["REQUEST 1 2", "STREAM_DATA 1 2 of two", "STREAM_END 1 2", "PUSH 1 0 after two"]
    traced.say(module, RESPONSE, 1, 2)
    assert traced.heard(module) == ["REQUEST 1 3"]


def test_a_request_that_waits_is_withdrawn_here() -> None:
    traced, module, client = pair("serial")
    for corr in (1, 2, 3):
        traced.say(client, REQUEST, 1, corr)
    traced.say(client, STREAM_DATA, 1, 2, "x")
    traced.frames(module)
    traced.say(client, CANCEL, 1, 2)
    assert traced.refused(client)["code"] == "cancelled"
    assert traced.heard(module) == []
    traced.say(module, RESPONSE, 1, 1)
    assert traced.heard(module) == ["REQUEST 1 3"]


def test_too_much_waits() -> None:
    traced, module, client = pair("serial")
    for corr in range(1, 8):
        traced.say(client, REQUEST, 1, corr, b"x" * (1 << 20))
    refused = traced.frames(client)
    assert [frame.corr for frame in refused] == [6, 7]
    assert all(json.loads(frame.body)["code"] == "backend_error" for frame in refused)
    assert MOST_WAITING == 4 << 20
    assert [frame.corr for frame in traced.frames(module)] == [1]


def test_one_route_without_credits_holds_up_no_other() -> None:
    traced, module, client = pair("serial")
    assert traced.bound(client, module) == 2
    for _ in range(5):
        traced.say(client, REQUEST, 1, 1)
    traced.frames(module)
    traced.say(client, REQUEST, 2, 1)
    assert traced.heard(module) == ["REQUEST 2 1"]


def test_a_client_is_done_with_a_route() -> None:
    traced, module, client = pair()
    traced.say(client, REQUEST, 1, 5)
    traced.frames(module)
    traced.say(client, GOODBYE, 1, 0)
    assert traced.heard(module) == ['REQUEST 0 0 {"route_channel":1}']
    assert traced.heard(client) == []
    assert traced.empty()
    traced.say(client, REQUEST, 1, 6)
    assert traced.refused(client)["code"] == "unknown_channel"


@pytest.mark.parametrize("leaves", ["socket", "goodbye", "garbage"])
def test_a_client_goes(leaves: str) -> None:
    traced, module, client = pair()
    traced.bound(client, module)
    traced.ask(client, 3)
    [relay] = traced.frames(module)
    if leaves == "socket":
        traced.gone(client)
    elif leaves == "goodbye":
        traced.say(client, GOODBYE, 0, 7)
    else:
        traced.bytes(client, b"GET / HTTP/1.1\r\n\r\n")
        assert client.closed
    assert sorted(traced.heard(module)) == [f'REQUEST 0 0 {{"route_channel":{n}}}' for n in (1, 2, 3)]
    assert traced.empty()
    assert traced.heard(client) == []
    traced.say(module, RESPONSE, 0, relay.corr, '{"accept":true}')
    assert traced.heard(module) == []
    assert traced.empty()
    if leaves == "goodbye":
        assert traced.bound(client, module) == 4


def test_a_client_goes_while_its_folder_is_looked_up() -> None:
    traced = Traced(look_up=False)
    module, client = traced.module(), traced.come()
    traced.ask(client, 1)
    traced.gone(client)
    assert traced.empty()
    traced.found()
    assert traced.heard(module) == []
    assert traced.empty()


@pytest.mark.parametrize("leaves", ["socket", "goodbye", "garbage"])
def test_a_module_goes(leaves: str) -> None:
    traced, module, client = pair("serial")
    other = traced.come()
    traced.bound(other, module)
    for corr in (5, 6):
        traced.say(client, REQUEST, 1, corr)
    traced.ask(client, 102)
    traced.frames(module)
    if leaves == "socket":
        traced.gone(module)
    elif leaves == "goodbye":
        traced.say(module, GOODBYE, 0, 7)
    else:
        traced.bytes(module, b"\xff" * 17)
    why = "module 'memory' connection closed"
    assert traced.heard(client) == [
        f'ERROR 0 102 {{"code":"module_unavailable","message":"{why} during attach relay"}}',
        f'ERROR 1 5 {{"code":"backend_error","message":"{why}"}}',
        f'ERROR 1 6 {{"code":"backend_error","message":"{why}"}}',
        "GOODBYE 1 0",
    ]
    assert traced.heard(other) == ["GOODBYE 2 0"]
    assert traced.empty()
    traced.say(client, REQUEST, 1, 7)
    assert traced.refused(client)["code"] == "unknown_channel"
    traced.ask(client, 103)
    assert traced.refused(client) == {"code": "module_unavailable", "message": "no module connection is registered"}
    again = traced.module()
    assert traced.bound(client, again) == 4


def test_a_module_ends_one_route() -> None:
    traced, module, client = pair()
    traced.bound(client, module)
    traced.say(client, REQUEST, 1, 5)
    traced.frames(module)
    traced.say(module, GOODBYE, 1, 0)
    assert traced.heard(client) == [
        'ERROR 1 5 {"code":"backend_error","message":"the module has ended this route"}',
        "GOODBYE 1 0",
    ]
    assert traced.heard(module) == []
    assert [one.channel for one in traced.router.sessions(traced.now)] == [2]


def test_numbers_of_routes_are_not_given_out_again_soon() -> None:
    traced, module, client = pair()
    seen = [1]
    for _ in range(5):
        traced.say(client, GOODBYE, seen[-1], 0)
        traced.frames(module)
        seen.append(traced.bound(client, module))
    assert seen == [1, 2, 3, 4, 5, 6]
    traced.gone(module)
    traced.frames(client)
    assert traced.bound(client, traced.module()) == 7


def test_numbers_wrap_and_rest() -> None:
    traced = Traced()
    channels = traced.router._routes.channels
    for expected in range(1, 65536):
        assert channels.take(0.0) == expected
    assert channels.take(0.0) is None
    channels.release(7, 0.0)
    channels.release(9, 1.0)
    assert channels.take(1.9) is None
    assert channels.take(2.0) == 7
    assert channels.take(61.0) == 9
    assert channels.take(99.0) is None
    for number in range(1, 65536):
        channels.release(number, 100.0)
    assert channels.take(200.0) == 10


def test_a_slow_reader_is_cut_off_and_nobody_else_notices() -> None:
    traced, module, client = pair()
    other = traced.come()
    traced.bound(other, module)
    piece = encoded(PUSH, 1, 0, bytes(1 << 20))
    for _ in range(9):
        traced.bytes(module, piece)
        assert not client.closed
    assert client.unsent > SLOW_READER
    traced.bytes(module, piece)
    traced.bytes(module, piece)
    assert client.closed
    assert traced.heard(module) == ['REQUEST 0 0 {"route_channel":1}']
    traced.say(module, PUSH, 2, 0, "x")
    assert traced.heard(other) == ["PUSH 2 0 x"]


def test_one_large_answer_makes_no_slow_reader() -> None:
    traced, module, client = pair()
    traced.say(module, PUSH, 1, 0, bytes(60 << 20))
    traced.say(module, PUSH, 1, 0, "and a small one")
    assert not client.closed
    traced.router.wrote(client, 0)
    traced.say(module, PUSH, 1, 0, "x")
    assert not client.closed


def test_a_client_that_only_asks_and_never_reads() -> None:
    traced = Traced()
    client = traced.come()
    ping = encoded(PING, 0, 1) * 4096
    while not client.closed:
        traced.bytes(client, ping)
        assert client.unsent < SLOW_READER + (1 << 20)


def test_a_module_that_does_not_read_holds_who_sends_to_it() -> None:
    traced, module, client = pair()
    other = traced.come()
    traced.bound(other, module)
    traced.say(client, PUSH, 1, 0, bytes(BUSY_MODULE))
    assert client.held
    assert not other.held
    traced.router.wrote(module, 0)
    assert not client.held
    traced.say(client, PUSH, 1, 0, bytes(BUSY_MODULE))
    traced.gone(client)
    assert not module.holding
    while not module.closed:
        traced.say(other, PUSH, 2, 0, bytes(8 << 20))
        assert module.unsent < DEAD_MODULE + (32 << 20)
    assert not other.held
    assert traced.heard(other)[-1] == "GOODBYE 2 0"


def test_who_is_attached() -> None:
    traced, module, client = pair()
    traced.now += 5
    for corr in (1, 2):
        traced.say(client, REQUEST, 1, corr)
    traced.say(module, ERROR, 1, 1, '{"code":"boom","message":"x"}')
    [session] = traced.router.sessions(traced.now)
    assert (session.channel, session.uid, session.pid, session.age, session.calls) == (1, 501, 42, 5.0, 2)
    assert session.identity == Identity("/p", "codex", "s101")
    assert json.loads(session.last_error)["code"] == "boom"


def test_timeouts_come_one_after_the_other() -> None:
    traced = Traced()
    traced.module()
    first, second = traced.come(), traced.come()
    traced.ask(first, 1)
    traced.now += 5
    traced.ask(second, 2)
    assert traced.router.deadline() == 100 + RELAY_SECONDS
    traced.wait(RELAY_SECONDS - 5)
    assert traced.refused(first)["code"] == "module_timeout"
    assert traced.heard(second) == []
    traced.wait(5)
    assert traced.refused(second)["code"] == "module_timeout"
    assert traced.router.deadline() is None


def test_a_folder_that_took_long_to_find_waits_its_time_for_the_module() -> None:
    traced = Traced(look_up=False)
    traced.module()
    first, second = traced.come(), traced.come()
    traced.ask(first, 1)
    [slow] = traced.router.questions()
    traced.wait(1)
    traced.ask(second, 2)
    traced.found()
    traced.wait(4)
    traced.router.found(slow, Root("/p"), traced.now)
    traced.wait(RELAY_SECONDS - 4)
    assert traced.refused(second)["code"] == "module_timeout"
    assert traced.heard(first) == []
    traced.wait(4)
    assert traced.refused(first)["code"] == "module_timeout"


def test_a_relay_number_is_never_one_that_is_pending() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.router._relays.attaches._last_relay = (1 << 64) - 2
    for corr in (1, 2):
        traced.ask(client, corr)
    assert [frame.corr for frame in traced.frames(module)] == [(1 << 64) - 1, 1]
    traced.router._relays.attaches._last_relay = (1 << 64) - 2
    traced.ask(client, 3)
    assert [frame.corr for frame in traced.frames(module)] == [2]


def test_bytes_after_the_end_are_nothing() -> None:
    traced, module, client = pair()
    traced.gone(client)
    traced.gone(client)
    traced.frames(module)
    traced.say(client, REQUEST, 1, 1, bodies.poll("status", 1))
    assert traced.heard(module) == []
