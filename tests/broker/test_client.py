"""Both clients, from the broker's socket to the backend: routes, refusals, deadlines, bad replies."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from os.path import dirname

import pytest
from hypothesis import given, settings

from iapeer_memory.broker import client, client_async
from iapeer_memory.broker.capabilities import HANDLE_PASSING
from iapeer_memory.broker.client_errors import (
    BackendNotUp,
    BackendUnreachable,
    BadReply,
    BrokerUnreachable,
    ClientError,
    ExchangeFailed,
    HelloRefused,
    HelloTimedOut,
)
from iapeer_memory.broker.exchange import Exchange
from iapeer_memory.broker.hello import read_reply
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.target import Target, is_handed_over
from iapeer_memory.broker.timed_stream import TimedStream
from iapeer_memory.broker.wire_v1.control import ErrorCode, Hello, HelloReply, Negotiated, Refused
from iapeer_memory.broker.wire_v1.frame import HANDOFF, Frame, FrameKind, response
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v1.handoff import HandoffAck
from iapeer_memory.domain.errors import ConfigError
from tests.support.client_driver import CLOCK, Which, reach, wanted
from tests.support.protobuf_peer import wire
from tests.support.scripted_peer import Peer, echoing, negotiating, refusing, scripted, silent

TOKEN = bytes(range(16))


def test_a_negotiated_connect(which: Which, base: str) -> None:
    seen: list[Hello] = []
    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be", seen=seen)):
        found = reach(which, f"{base}/br", ask=(b"a", b"", b"c" * 70000))
    assert (found.route, found.endpoint) == ("broker-negotiated", f"{base}/be")
    assert found.answers == (b"a", b"", b"c" * 70000)
    assert found.negotiated is not None
    assert found.negotiated.daemon_version == "1.0.0"
    (hello,) = seen
    assert (hello.client_min_protocol, hello.client_max_protocol, hello.peer_pid) == (1, 1, os.getpid())
    assert (hello.service_name, hello.wanted_version, hello.client_capabilities) == ("memoryd", "1.0.0", 0)
    assert (hello.client_lib_name, hello.client_keepalive_secs) == ("iapeer-memory", 0)


@pytest.mark.parametrize("code", range(12))
def test_a_refusal_is_a_refusal(which: Which, base: str, code: int) -> None:
    kinds = {
        1: "version-unsupported",
        2: "service-unknown",
        4: "rate-limited",
        5: "shutting-down",
        8: "version-blocked",
    }
    script = refusing(reason="no", code=code, retry_after_ms=1500, details={"a": "b"})
    with scripted(f"{base}/br", script), pytest.raises(HelloRefused) as raised:
        reach(which, f"{base}/br")
    refusal = raised.value.refusal
    assert (refusal.kind, refusal.wait_seconds) == (kinds.get(code, "other"), 1.5)
    assert refusal.refused.details == {"a": "b"}
    assert raised.value.line().startswith("the broker refused: no (")


def test_a_broker_that_has_closed_already_is_still_heard(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply lies in the client's buffer and the broker has gone before the Hello is sent."""
    here, there = socket.socketpair()
    refused = HelloReply(refused=Refused(code=ErrorCode.FD_PRESSURE, retry_after_ms=1000))
    there.sendall(framed(encode(response(None, encode(refused)))))
    there.close()
    monkeypatch.setattr(client, "dialled", lambda *args, **more: TimedStream(here, CLOCK))
    with pytest.raises(HelloRefused) as raised:
        reach("blocking", f"{base}/br")
    assert raised.value.refusal.wait_seconds == 1.0


def test_a_refusal_counts_without_the_requests_id(which: Which, base: str) -> None:
    """A broker that cannot read a frame answers none in particular."""

    def script(peer: Peer) -> None:
        peer.frame()
        peer.send(framed(encode(response(None, encode(HelloReply(refused=Refused(code=6)))))))

    with scripted(f"{base}/br", script), pytest.raises(HelloRefused):
        reach(which, f"{base}/br")


def test_nobody_listens(which: Which, base: str) -> None:
    with pytest.raises(BrokerUnreachable) as raised:
        reach(which, f"{base}/absent")
    assert isinstance(raised.value.error, FileNotFoundError)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(f"{base}/stale")
    stale.close()
    with pytest.raises(BrokerUnreachable) as raised:
        reach(which, f"{base}/stale")
    assert isinstance(raised.value.error, ConnectionRefusedError)


def test_another_users_listener_is_told_nothing(which: Which, base: str) -> None:
    heard: queue.Queue[bytes] = queue.Queue()
    with scripted(f"{base}/br", lambda peer: heard.put(peer.stream.recv(100))):
        with pytest.raises(BrokerUnreachable, match="listens there"):
            reach(which, f"{base}/br", uid=os.getuid() + 1)
        assert heard.get(timeout=10) == b""


def trickling(peer: Peer) -> None:
    whole = framed(encode(response(peer.frame(), b"x" * 1000)))
    for byte in whole:
        if peer.stop.wait(0.02):
            return
        peer.send(bytes([byte]))


@pytest.mark.parametrize("script", [silent, trickling], ids=lambda it: it.__name__)
@pytest.mark.parametrize("generation", [1, 2])
def test_a_broker_that_takes_its_time_is_given_up(
    which: Which, base: str, script: Callable[[Peer], None], generation: int
) -> None:
    with scripted(f"{base}/br", script), pytest.raises(HelloTimedOut) as raised:
        reach(which, f"{base}/br", seconds=0.3, generation=generation)
    assert re.fullmatch(rf"v{generation} broker Hello did not complete within 0\.\ds", raised.value.line())


def full(path: str) -> socket.socket:
    """A listener whose queue is full: whoever dials waits."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    return listener


def test_dialling_has_the_same_deadline(which: Which, base: str) -> None:
    with full(f"{base}/br"), socket.socket(socket.AF_UNIX) as first:
        first.connect(f"{base}/br")
        begun = time.monotonic()
        with pytest.raises(HelloTimedOut):
            reach(which, f"{base}/br", seconds=0.3)
        assert time.monotonic() - begun < 10


def test_dialling_the_backend_has_it_too(which: Which, base: str) -> None:
    with full(f"{base}/be"), socket.socket(socket.AF_UNIX) as first, scripted(f"{base}/br", negotiating(f"{base}/be")):
        first.connect(f"{base}/be")
        begun = time.monotonic()
        with pytest.raises(BackendUnreachable) as raised:
            reach(which, f"{base}/br", seconds=1.5)
        assert isinstance(raised.value.error, TimeoutError)
        assert time.monotonic() - begun < 10


def test_a_backend_without_an_endpoint_is_not_up_yet(which: Which, base: str) -> None:
    with scripted(f"{base}/br", negotiating("")), pytest.raises(BackendNotUp):
        reach(which, f"{base}/br")


def test_a_backend_that_is_gone(which: Which, base: str) -> None:
    with scripted(f"{base}/br", negotiating(f"{base}/be")), pytest.raises(BackendUnreachable):
        reach(which, f"{base}/br")


GOOD = Frame(
    envelope_version=1,
    kind=FrameKind.RESPONSE,
    request_id=1,
    payload=encode(HelloReply(negotiated=Negotiated(negotiated_protocol=1, backend_pipe="/nowhere"))),
)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (encode(replace(GOOD, envelope_version=2)), "envelope"),
        (encode(replace(GOOD, kind=FrameKind.REQUEST)), "envelope"),
        (encode(replace(GOOD, kind=FrameKind.EVENT)), "envelope"),
        (encode(replace(GOOD, payload_protocol=0xAD01)), "envelope"),
        (encode(replace(GOOD, payload_encoding=1)), "envelope"),
        (encode(replace(GOOD, request_id=2)), "request-id"),
        (encode(replace(GOOD, request_id=0)), "request-id"),
        (encode(replace(GOOD, payload=b"")), "missing-result"),
        (encode(replace(GOOD, payload=b"\x12\xff")), "decode"),
        (encode(replace(GOOD, payload=encode(HelloReply(negotiated=Negotiated(backend_pipe="/x"))))), "protocol"),
        (b"\xff\xff", "decode"),
        (b"", "envelope"),
        (None, "framing"),
    ],
)
def test_a_reply_that_is_none(which: Which, base: str, reply: bytes | None, fault: str) -> None:
    def script(peer: Peer) -> None:
        peer.frame()
        peer.send(b"\x02\x00" if reply is None else framed(reply))

    with scripted(f"{base}/br", script), pytest.raises(BadReply) as raised:
        reach(which, f"{base}/br")
    assert raised.value.fault == fault


def test_a_broker_that_leaves_at_any_byte(which: Which, base: str) -> None:
    whole = framed(encode(GOOD))

    def script(peer: Peer) -> None:
        peer.frame()
        peer.send(whole[: peer.number - 1])

    with scripted(f"{base}/br", script):
        for _ in range(len(whole)):
            with pytest.raises(BadReply) as raised:
                reach(which, f"{base}/br")
            assert raised.value.fault == "framing"
        with pytest.raises(BackendUnreachable):
            reach(which, f"{base}/br")


def test_what_cannot_be_said_is_refused_before_anything_is_dialled(which: Which, base: str) -> None:
    with scripted(f"{base}/br", echoing) as broker:
        for wrong in (replace(wanted(), version="\ud800"), replace(wanted(), client_version="v" * 70000)):
            with pytest.raises(ConfigError):
                reach(which, f"{base}/br", want=wrong)
        assert broker.count == 0


OWN = wanted("1.0.0", own="1.0.0")


def test_a_proved_cached_endpoint_spares_the_hello(which: Which, base: str) -> None:
    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be")) as broker:
        found = reach(which, f"{base}/br", want=OWN, cached=f"{base}/be")
        assert (found.route, found.negotiated, found.answers) == ("hello-skip", None, (b"hello",))
        assert broker.count == 0


def broken(endpoint: str, deadline: float) -> bool:
    raise ConnectionResetError


@pytest.mark.parametrize(
    "how",
    [
        {"want": wanted("1.0.0", own="1.0.1")},
        {"want": wanted("", own="")},
        {"prove": lambda endpoint, deadline: None},
        {"prove": broken},
        {"cached": "/nowhere/at-all"},
        {"cached": None},
    ],
    ids=["other-version", "no-version", "not-proved", "broken", "stale", "none"],
)
def test_otherwise_the_broker_is_asked(which: Which, base: str, how: dict[str, object]) -> None:
    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be")) as broker:
        how = {"want": OWN, "cached": f"{base}/be", **how}
        found = reach(which, f"{base}/br", **how)  # type: ignore[arg-type]
        assert found.route == "broker-negotiated"
        assert broker.count == 1


def test_a_proof_has_less_time_than_the_whole(which: Which, base: str) -> None:
    given: list[float] = []

    def prove(endpoint: str, deadline: float) -> None:
        given.append(deadline - time.monotonic())

    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be")):
        reach(which, f"{base}/br", want=OWN, cached=f"{base}/be", prove=prove)
    assert 0 < given[0] <= 0.5


def handing(
    ack: HandoffAck | None, *, kind: int = FrameKind.EVENT, encoding: int = 0, more: bytes = b""
) -> Callable[[Peer], None]:
    """A broker that offers to hand the connection over, and then is the backend itself."""

    def script(peer: Peer) -> None:
        endpoint = f"{dirname(peer.path)}/be"
        negotiating(endpoint, handle_passed_token=TOKEN, server_capabilities=HANDLE_PASSING)(peer)
        if ack is None:
            peer.linger()
            return
        event = Frame(envelope_version=1, kind=kind, payload_protocol=HANDOFF, payload=encode(ack))
        peer.send(framed(encode(replace(event, payload_encoding=encoding))) + more)
        echoing(peer)

    return script


def test_a_connection_is_handed_over(which: Which, base: str) -> None:
    with scripted(f"{base}/br", handing(HandoffAck(token=TOKEN, accepted=True))) as broker:
        found = reach(which, f"{base}/br", handoff=True, ask=(b"a", b"b"))
        assert (found.route, found.answers, found.rest) == ("handle-passed", (b"a", b"b"), b"")
        assert broker.count == 1


def test_what_the_backend_says_first_is_not_lost(which: Which, base: str) -> None:
    with scripted(f"{base}/br", handing(HandoffAck(token=TOKEN, accepted=True), more=b"hello from here")):
        found = reach(which, f"{base}/br", handoff=True, ask=())
    assert found.rest == b"hello from here"


@pytest.mark.parametrize(
    "script",
    [
        handing(HandoffAck(token=TOKEN, accepted=False)),
        handing(HandoffAck(token=bytes(16), accepted=True)),
        handing(HandoffAck(token=TOKEN, accepted=True), kind=FrameKind.RESPONSE),
        handing(HandoffAck(token=TOKEN, accepted=True), encoding=1),
        handing(None),
    ],
    ids=["declined", "another-token", "no-event", "compressed", "silent"],
)
def test_a_handoff_that_fails_leads_to_the_endpoint(
    which: Which, base: str, script: Callable[[Peer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (client, client_async):
        monkeypatch.setattr(module, "HANDOFF_SECONDS", 0.1)
    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", script):
        found = reach(which, f"{base}/br", handoff=True, seconds=3)
    assert (found.route, found.endpoint, found.answers) == ("broker-negotiated", f"{base}/be", (b"hello",))


def test_no_handoff_unless_asked_for(which: Which, base: str) -> None:
    seen: list[Hello] = []
    more = {"handle_passed_token": TOKEN, "server_capabilities": HANDLE_PASSING}
    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be", seen=seen, **more)):
        assert reach(which, f"{base}/br").route == "broker-negotiated"
        assert [hello.client_capabilities for hello in seen] == [0]


def listening(peer: Peer) -> None:
    peer.frame()


def nothing_up(peer: Peer) -> None:
    negotiating("")(peer)


def gone(peer: Peer) -> None:
    negotiating("/nowhere")(peer)


def declined(peer: Peer) -> None:
    handing(HandoffAck(token=TOKEN, accepted=False))(peer)


FAILING = {"silent": listening, "not-up": nothing_up, "gone": gone, "declined": declined, "refused": refusing(code=4)}


@pytest.mark.parametrize("how", FAILING)
def test_no_failure_leaves_a_connection_open(which: Which, base: str, how: str) -> None:
    """The broker sees the end of each connection while the client's error is still held."""
    over = threading.Semaphore(0)

    def watched(peer: Peer) -> None:
        with suppress(EOFError, OSError):
            FAILING[how](peer)
            while peer.stream.recv(4096):
                pass
        over.release()

    with scripted(f"{base}/br", watched):
        errors = []
        for _ in range(3):
            try:
                reach(which, f"{base}/br", seconds=0.3 if how == "silent" else 5, handoff=True)
            except ClientError as error:
                errors.append(error)
        assert len(errors) == 3
        assert all(over.acquire(timeout=10) for _ in errors)


def test_a_task_that_is_cancelled_leaves_no_connection(base: str) -> None:
    asked, over = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.frame()
        asked.set()
        if not peer.stream.recv(1):
            over.set()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        target: client_async.AsyncTarget = Target(socket_path=f"{base}/br", wanted=wanted(), uid=os.getuid())
        task = asyncio.create_task(client_async.connect_target(target, deadline=loop.time() + 20))
        await asyncio.to_thread(asked.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(over.wait, 10)

    with scripted(f"{base}/br", script):
        asyncio.run(run())
    assert over.is_set()


@given(body=wire())
@settings(max_examples=300, deadline=None)
def test_any_reply_is_one_or_an_error(body: bytes) -> None:
    for reply in (body, encode(replace(GOOD, payload=body))):
        try:
            assert read_reply(reply).negotiated_protocol == 1
        except (BadReply, HelloRefused) as error:
            assert "\n" not in error.line()
    assert is_handed_over(body, TOKEN) is False
    try:
        exchange = Exchange()
        exchange.request(0xF0B7, b"")
        exchange.response(body)
    except ExchangeFailed as error:
        assert "\n" not in error.line()
