"""Channel 0, frame by frame: who may register, what is answered at once, and what an attach can come to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer_memory.attach import bodies, control, tier_files
from iapeer_memory.attach.attaching import RELAY_SECONDS
from iapeer_memory.attach.bodies import Identity, Tier
from iapeer_memory.attach.envelope import (
    CANCEL,
    ERROR,
    GOODBYE,
    HELLO,
    HELLO_ACK,
    PING,
    PONG,
    PUSH,
    REQUEST,
    RESPONSE,
    STREAM_DATA,
    STREAM_END,
    encoded,
)
from iapeer_memory.attach.identity import LONGEST_NAME, Root
from iapeer_memory.attach.reader import CONTROL_CAP
from iapeer_memory.attach.relays import MOST_ATTACHING
from tests.support.traced import Traced, manifest


def hello(**changed: Any) -> bytes:
    return control.hello_body(manifest(**changed), 1)


def test_registration() -> None:
    traced = Traced()
    module = traced.come()
    traced.say(module, HELLO, 0, 7, hello())
    assert traced.heard(module) == [
        'HELLO_ACK 0 7 {"negotiated_ver":1,"channels":[1],"subc_capabilities":["manifest_registration_v1",'
        '"channel_lifecycle_v1","ping_pong_v1","session_attach_v1"]}'
    ]


def without(name: str) -> bytes:
    whole = json.loads(manifest())
    del whole[name]
    return json.dumps({"manifest": whole, "protocol_ver": 1}).encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_hello"),
        (b"{", "invalid_hello"),
        (b"[]", "invalid_hello"),
        (b"\xff", "invalid_hello"),
        (b"[" * 100_000, "invalid_hello"),
        (b'{"protocol_ver":1}', "invalid_hello"),
        (control.hello_body(manifest(), 1).replace(b'"protocol_ver":1}', b'"protocol_ver":true}'), "invalid_hello"),
        (control.hello_body(manifest(), 256), "invalid_hello"),
        *[
            (without(name), "invalid_hello")
            for name in ("module_id", "module_version", "trust_tier", "provides", "consumes", "bindings")
        ],
        (hello(trust_tier="friend"), "invalid_hello"),
        (hello(provides=[{"role": "wizard"}]), "invalid_hello"),
        (hello(provides=[{"role": "tool_provider"}]), "invalid_hello"),
        (hello(concurrency="lots"), "invalid_hello"),
        (hello(protocol_ver=2), "invalid_manifest"),
        (hello(module_id="  "), "invalid_manifest"),
        (control.hello_body(manifest(protocol_ver=0), 0), "version_unsupported"),
    ],
)
def test_a_bad_hello_is_refused_and_the_connection_lives(body: bytes, code: str) -> None:
    traced = Traced()
    module = traced.come()
    traced.say(module, HELLO, 0, 1, body)
    assert traced.refused(module)["code"] == code
    traced.say(module, PING, 0, 2)
    assert traced.heard(module) == ["PONG 0 2"]
    assert traced.router.counts()["modules"] == 0


def test_a_newer_module_is_spoken_to_in_our_version() -> None:
    traced = Traced()
    module = traced.come()
    traced.say(module, HELLO, 0, 1, control.hello_body(manifest(protocol_ver=9), 9))
    assert json.loads(traced.frames(module)[0].body)["negotiated_ver"] == 1


def test_an_id_is_taken_once() -> None:
    traced = Traced()
    first, second = traced.module(), traced.come()
    for connection in (second, first):
        traced.say(connection, HELLO, 0, 1, hello())
        assert traced.refused(connection)["code"] == "duplicate_module_id"
    client = traced.come()
    assert traced.bound(client, first) == 1


def test_a_second_module_with_tools_is_refused_and_one_without_is_not() -> None:
    traced = Traced()
    first, second = traced.module(), traced.come()
    traced.say(second, HELLO, 0, 1, hello(module_id="other"))
    assert traced.refused(second)["code"] == "registry_error"
    traced.say(second, HELLO, 0, 2, hello(module_id="other", provides=[]))
    assert traced.heard(second)[0].startswith("HELLO_ACK 0 2")
    traced.gone(second)
    assert traced.bound(traced.come(), first) == 1


def test_a_connection_is_one_module_or_a_client() -> None:
    traced = Traced()
    module = traced.module()
    traced.say(module, HELLO, 0, 2, hello(module_id="other", provides=[]))
    assert traced.refused(module)["code"] == "registry_error"
    client = traced.come()
    traced.bound(client, module)
    traced.say(client, HELLO, 0, 1, hello(module_id="third"))
    assert traced.refused(client)["code"] == "registry_error"


def test_a_module_that_has_left_may_come_back_on_the_same_connection() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.bound(client, module)
    traced.say(module, GOODBYE, 0, 0)
    assert traced.heard(module) == []
    assert traced.heard(client) == ["GOODBYE 1 0"]
    traced.say(module, HELLO, 0, 3, hello())
    assert traced.heard(module)[0].startswith('HELLO_ACK 0 3 {"negotiated_ver":1,"channels":[2]')
    assert traced.bound(client, module) == 2


@pytest.mark.parametrize("flags", [0, 2, 8, 13])
def test_a_ping_is_answered_with_its_own_flags(flags: int) -> None:
    traced = Traced()
    for connection in (traced.come(), traced.module()):
        traced.say(connection, PING, 0, 4, flags=flags)
        [frame] = traced.frames(connection)
        assert (frame.kind, frame.corr, frame.flags) == (PONG, 4, flags)


@pytest.mark.parametrize("kind", [CANCEL, STREAM_DATA, STREAM_END, PONG, HELLO_ACK])
def test_what_nobody_may_say_on_channel_0(kind: int) -> None:
    traced = Traced()
    for connection in (traced.come(), traced.module()):
        traced.say(connection, kind, 0, 9)
        assert traced.refused(connection)["code"] == "unsupported_control_frame"


@pytest.mark.parametrize("kind", [PUSH, RESPONSE, ERROR])
def test_what_a_client_may_not_say(kind: int) -> None:
    traced = Traced()
    client = traced.come()
    traced.say(client, kind, 0, 9)
    assert traced.refused(client)["code"] == "unsupported_control_frame"


def test_a_module_may_not_ask() -> None:
    traced = Traced()
    module = traced.module()
    traced.ask(module, 9)
    assert traced.refused(module)["code"] == "unsupported_control_frame"


TIERS = (
    Tier("user", "/u/m.jsonc", '{ // a\n "x": "é\\u00e9\t\0\u2028🙂" }'),
    Tier("project", "/p/m.jsonc", "not json {"),
)


def test_attach_relays_the_tiers_as_they_came() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.ask(client, 101, TIERS)
    [relay] = traced.frames(module)
    assert (relay.kind, relay.channel, relay.corr, relay.flags) == (REQUEST, 0, 1, 0)
    assert relay.body == bodies.attach_relay(1, Identity("/p", "codex", "s101"), TIERS)
    asked = control.relayed(relay.body)
    assert isinstance(asked, control.Attach)
    assert asked.tiers == TIERS
    traced.say(module, RESPONSE, 0, 1, '{"accept":true}')
    [ack] = traced.frames(client)
    assert ack.raw.hex() == "13000000010100000065000000000000007b22726f7574655f6368616e6e656c223a317d"


def test_an_unknown_field_is_ignored() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.say(client, REQUEST, 0, 1, '{"new":1,"config":[],"session":"s","harness":"h","project_root":"/p"}')
    assert traced.heard(module) == [
        'REQUEST 0 1 {"route_channel":1,"project_root":"/p","harness":"h","session":"s","config":[]}'
    ]


def attach(**changed: Any) -> str:
    whole = {"project_root": "/p", "harness": "h", "session": "s", "config": [], **changed}
    return json.dumps({name: value for name, value in whole.items() if value is not None})


def tier(**changed: Any) -> dict[str, Any]:
    return {"tier": "user", "source": "/x", "doc": "{}", **changed}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '["/p","h","s",[]]',
        '["status",7]',
        "{",
        "{} {}",
        "NaN",
        b"\xff\xfe",
        "[" * 50_000,
        '{"a":' * 50_000,
        '{"a":' * 100 + "1" + "}" * 100,
        "9" * 10_000,
        '{"op":"status"}',
        '{"op":"status","route_channel":1.0}',
        '{"op":"status","route_channel":true}',
        '{"op":"status","route_channel":65536}',
        '{"op":"status","route_channel":1,"x":1}',
        '{"op":"other","route_channel":1}',
        attach(project_root=None),
        attach(harness=None),
        attach(session=None),
        attach(config=None),
        attach(project_root=7),
        attach(harness=""),
        attach(harness=" \n"),
        attach(session=""),
        attach(harness="h" * (LONGEST_NAME + 1)),
        attach(session="é" * LONGEST_NAME),
        attach(session="\ud800"),
        attach(config={}),
        attach(config=["x"]),
        attach(config=[{"tier": "user", "source": "/x"}]),
        attach(config=[tier(doc=1)]),
        attach(config=[tier(doc="\ud800")]),
        attach(config=[tier()] * 9),
        attach(config=[tier(doc="x" * (tier_files.LARGEST_DOC + 1))]),
        attach(config=[tier(doc="é" * tier_files.LARGEST_DOC)]),
        '{"project_root":"/p","project_root":"/q","harness":"h","session":"s","config":[]}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_attach(body: bytes | str) -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.say(client, REQUEST, 0, 101, body)
    assert traced.refused(client)["code"] == "invalid_attach_request"
    assert traced.heard(module) == []
    assert traced.empty()
    traced.bound(client, module)


@pytest.mark.parametrize("size", [CONTROL_CAP + 1, 10 << 20])
def test_a_body_that_is_too_large_is_refused_and_the_connection_lives(size: int) -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    data = encoded(REQUEST, 0, 101, b"x" * size)
    for at in range(0, len(data), 1 << 18):
        traced.bytes(client, data[at : at + (1 << 18)])
    assert traced.refused(client)["code"] == "invalid_attach_request"
    traced.say(client, HELLO, 0, 2, b"x" * (CONTROL_CAP + 1))
    assert traced.refused(client)["code"] == "invalid_hello"
    traced.say(module, PUSH, 0, 0, b"x" * (CONTROL_CAP + 1))
    assert traced.refused(module)["code"] == "invalid_status_update"
    traced.bound(client, module)


def test_a_root_that_is_refused() -> None:
    traced = Traced(look_up=False)
    module, client = traced.module(), traced.come()
    traced.ask(client, 101)
    traced.found(Root("", "project root does not exist: /p"))
    assert traced.refused(client) == {"code": "invalid_project_root", "message": "project root does not exist: /p"}
    assert traced.heard(module) == []
    assert traced.empty()


def test_no_module() -> None:
    traced = Traced()
    client = traced.come()
    traced.ask(client, 101)
    assert traced.refused(client) == {"code": "module_unavailable", "message": "no module connection is registered"}
    assert traced.empty()


def test_a_module_without_tools_takes_no_sessions() -> None:
    traced = Traced()
    traced.module(provides=[])
    client = traced.come()
    traced.ask(client, 101)
    assert traced.refused(client)["code"] == "module_unavailable"


def test_every_channel_in_use() -> None:
    traced = Traced()
    module = traced.module()
    for _ in range(65535):
        assert traced.router._routes.channels.take(traced.now) is not None
    client = traced.come()
    traced.ask(client, 101)
    assert traced.refused(client)["code"] == "forwarding_error"
    assert traced.heard(module) == []


def test_too_many_attaches_at_once() -> None:
    traced = Traced()
    module, client, other = traced.module(), traced.come(), traced.come()
    for corr in range(MOST_ATTACHING):
        traced.ask(client, corr)
    assert traced.heard(client) == []
    traced.ask(client, 101)
    assert traced.refused(client)["code"] == "forwarding_error"
    traced.frames(module)
    traced.bound(other, module)


def test_a_veto_reaches_the_client_as_it_is() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.ask(client, 101)
    traced.frames(module)
    body = '{"code":"config_divergence","message":"active config differs","detail":{"a":1}}'
    traced.say(module, ERROR, 0, 1, body)
    assert traced.heard(client) == [f"ERROR 0 101 {body}"]
    assert traced.empty()
    assert traced.bound(client, module) == 2


def test_a_plain_no() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.ask(client, 101)
    traced.answer(module, accept=False)
    assert traced.refused(client) == {"code": "config_divergence", "message": "module rejected AttachRelay"}
    assert traced.empty()


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (RESPONSE, "", "invalid_attach_relay_response"),
        (RESPONSE, '{"accept":1}', "invalid_attach_relay_response"),
        (RESPONSE, "x" * (CONTROL_CAP + 1), "invalid_attach_relay_response"),
        (ERROR, "{}", "invalid_attach_relay_error"),
        (ERROR, '{"code":"x","message":null}', "invalid_attach_relay_error"),
        (ERROR, b"\xff", "invalid_attach_relay_error"),
    ],
)
def test_a_malformed_answer_of_the_module_ends_the_attach_for_both(kind: int, body: bytes | str, code: str) -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.ask(client, 101)
    traced.frames(module)
    traced.say(module, kind, 0, 1, body)
    error, detach = traced.frames(module)
    assert json.loads(error.body)["code"] == code
    assert detach.body == b'{"route_channel":1}'
    assert traced.refused(client)["code"] == code
    assert traced.empty()


def test_a_silent_module() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.ask(client, 101)
    traced.frames(module)
    traced.wait(RELAY_SECONDS - 0.1)
    assert traced.heard(client) == []
    traced.wait(0.1)
    assert traced.refused(client)["code"] == "module_timeout"
    assert traced.heard(module) == ['REQUEST 0 0 {"route_channel":1}']
    assert traced.empty()
    traced.say(module, RESPONSE, 0, 1, '{"accept":true}')
    assert traced.heard(client) == traced.heard(module) == []
    assert traced.empty()


def test_a_disk_that_does_not_answer() -> None:
    traced = Traced(look_up=False)
    traced.module()
    client = traced.come()
    traced.ask(client, 101)
    [question] = traced.router.questions()
    traced.wait(RELAY_SECONDS)
    assert traced.refused(client)["code"] == "invalid_project_root"
    traced.router.found(question, Root("/p"), traced.now)
    assert traced.heard(client) == []
    assert traced.empty()


def test_an_attach_holds_up_nothing() -> None:
    traced = Traced(look_up=False)
    module, client = traced.module(), traced.come()
    traced.ask(client, 1)
    traced.say(client, PING, 0, 2)
    assert traced.heard(client) == ["PONG 0 2"]
    traced.found()
    traced.say(client, PING, 0, 3)
    assert traced.heard(client) == ["PONG 0 3"]
    traced.answer(module)
    assert traced.heard(client) == ['RESPONSE 0 1 {"route_channel":1}']


def test_only_the_module_that_was_asked_may_answer_and_only_once() -> None:
    traced = Traced()
    module, other, client = traced.module(), traced.module("other", provides=[]), traced.come()
    traced.ask(client, 101)
    traced.say(other, RESPONSE, 0, 1, '{"accept":true}')
    assert traced.heard(client) == []
    channel = traced.answer(module)
    traced.say(module, RESPONSE, 0, 1, '{"accept":false}')
    traced.say(module, ERROR, 0, 1, '{"code":"x","message":"y"}')
    assert traced.heard(client) == [f'RESPONSE 0 101 {{"route_channel":{channel}}}']
    assert traced.heard(module) == []


def test_the_same_triple_may_attach_twice() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    assert [traced.bound(client, module), traced.bound(client, module)] == [1, 2]
    assert [session.channel for session in traced.router.sessions(traced.now)] == [1, 2]


def test_polls() -> None:
    traced = Traced()
    module, client, other = traced.module(), traced.come(), traced.come()
    traced.bound(client, module)

    def poll(connection: Any, op: str, channel: int) -> list[str]:
        traced.say(connection, REQUEST, 0, 5, bodies.poll(op, channel))
        return traced.heard(connection)

    assert poll(client, "liveness", 1) == ['RESPONSE 0 5 {"live":true}']
    assert poll(client, "liveness", 2) == ['RESPONSE 0 5 {"live":false}']
    assert poll(other, "liveness", 1) == ['RESPONSE 0 5 {"live":false}']
    assert "status_unavailable" in poll(client, "status", 1)[0]
    traced.say(module, PUSH, 0, 0, '{"route_channel":1,"status":"indexing \\"é\\""}')
    assert poll(client, "status", 1) == ['RESPONSE 0 5 {"status":"indexing \\"é\\""}']
    assert "status_unavailable" in poll(other, "status", 1)[0]
    assert traced.heard(module) == []
    traced.gone(module)
    traced.frames(client)
    assert poll(client, "liveness", 1) == ['RESPONSE 0 5 {"live":false}']
    assert "status_unavailable" in poll(client, "status", 1)[0]


def test_a_status_before_the_accept_counts() -> None:
    traced = Traced()
    module, client = traced.module(), traced.come()
    traced.ask(client, 101)
    [relay] = traced.frames(module)
    traced.say(module, PUSH, 0, 0, '{"route_channel":1,"status":"warming"}')
    traced.say(module, RESPONSE, 0, relay.corr, '{"accept":true}')
    traced.frames(client)
    traced.say(client, REQUEST, 0, 5, bodies.poll("status", 1))
    assert traced.heard(client) == ['RESPONSE 0 5 {"status":"warming"}']


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"route_channel":1}',
        '{"route_channel":"1","status":"x"}',
        '{"route_channel":1,"status":"x","y":1}',
    ],
)
def test_what_is_no_status(body: str) -> None:
    traced = Traced()
    module = traced.module()
    traced.say(module, PUSH, 0, 0, body)
    assert traced.refused(module)["code"] == "invalid_status_update"


def test_a_status_of_no_route_is_dropped() -> None:
    traced = Traced()
    module = traced.module()
    traced.say(module, PUSH, 0, 0, '{"route_channel":9,"status":"x"}')
    assert traced.heard(module) == []
    assert traced.router.dropped == 1
    assert traced.empty()
