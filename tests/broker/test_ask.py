"""Questions to a broker that are not Hellos, against one that answers as it is told."""

from __future__ import annotations

import os
from typing import Any

import pytest

from iapeer_memory.broker.ask import (
    Noted,
    Question,
    admin,
    ask,
    client_seconds,
    http_ready,
    page_endpoint,
    session_token,
)
from iapeer_memory.broker.client_errors import BrokerUnreachable, ExchangeFailed
from iapeer_memory.broker.protobuf import Message, decode, encode
from iapeer_memory.broker.wire_v1.admin import AdminReply, AdminReplyKind, AdminRequest, AdminVerb
from iapeer_memory.broker.wire_v1.frame import ADMIN, BROKER_HTTP, Frame, FrameKind, response
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v2.control import GetBrokerHttpEndpointResponse, GetSessionTokenResponse
from tests.support.client_driver import CLOCK
from tests.support.scripted_peer import Peer, Script, scripted, silent


def until(seconds: float = 5) -> float:
    return CLOCK.monotonic() + seconds


def answering(seen: list[Frame], payload: bytes) -> Script:
    def script(peer: Peer) -> None:
        frame = peer.frame()
        seen.append(frame)
        peer.send(framed(encode(response(frame, payload))))

    return script


def test_an_admin_verb(path: str) -> None:
    seen: list[Frame] = []
    said = AdminReply(kind=AdminReplyKind.JSON, body="{}", exit_code=1, content_type="application/json")
    with scripted(path, answering(seen, encode(said))):
        question = admin(AdminVerb.SHUTDOWN, json=True, service="memoryd", drain_ms=500)
        assert ask(question, path, uid=os.getuid(), clock=CLOCK, deadline=until()) == said
    assert (seen[0].payload_protocol, seen[0].kind, seen[0].request_id) == (ADMIN, FrameKind.REQUEST, 1)
    asked = decode(AdminRequest, seen[0].payload)
    assert asked == AdminRequest(verb=21, json=True, service_name="memoryd", drain_deadline_ms=500)


LANE: dict[str, tuple[Question[Any], Message, int, bytes]] = {
    "page": (page_endpoint(), GetBrokerHttpEndpointResponse(port=8080, pid=7), FrameKind.REQUEST, b""),
    "token": (session_token("memoryd"), GetSessionTokenResponse(found=True), FrameKind.REQUEST, b"\x0a\x07memoryd"),
    "ready": (http_ready(8081), Noted(), FrameKind.EVENT, b"\x08\x91\x3f"),
}


@pytest.mark.parametrize("name", LANE)
def test_the_lane_of_the_page(path: str, name: str) -> None:
    question, answer, kind, payload = LANE[name]
    seen: list[Frame] = []
    with scripted(path, answering(seen, encode(answer))):
        assert ask(question, path, uid=os.getuid(), clock=CLOCK, deadline=until()) == answer
    assert [(frame.payload_protocol, frame.kind, frame.payload) for frame in seen] == [(BROKER_HTTP, kind, payload)]


def test_nobody_listens(path: str) -> None:
    with pytest.raises(BrokerUnreachable):
        ask(page_endpoint(), path, uid=os.getuid(), clock=CLOCK, deadline=until())


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (silent, "timeout"),
        (lambda peer: peer.frame() and None, "framing"),
        (answering([], b"\xff"), "decode"),
        (lambda peer: peer.answer(Frame(request_id=1), AdminReply()), "payload-protocol"),
    ],
    ids=["silent", "leaves", "garbage", "other-lane"],
)
def test_no_answer(path: str, script: Script, fault: str) -> None:
    with scripted(path, script), pytest.raises(ExchangeFailed) as raised:
        ask(admin(AdminVerb.STATUS), path, uid=os.getuid(), clock=CLOCK, deadline=until(0.5))
    assert raised.value.fault == fault


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 30.0),
        ("", 30.0),
        ("1500", 1.5),
        (" 250\n", 0.25),
        ("0", 30.0),
        ("-5", 30.0),
        ("1.5", 30.0),
        ("²", 30.0),
        ("9" * 5000, 30.0),
    ],
)
def test_how_long_to_wait(text: str | None, seconds: float) -> None:
    environment = {} if text is None else {"RUNNING_PROCESS_BROKER_CLIENT_TIMEOUT_MS": text}
    assert client_seconds(environment) == seconds
