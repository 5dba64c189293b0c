"""Requests over one connection: whose answer is whose, and what happens to a connection that failed once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from iapeer_memory.broker.client_errors import ExchangeFailed
from iapeer_memory.broker.exchange import LAST_ID, Exchange
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.frame_client_async import AsyncFrameClient
from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.timed_stream import TimedStream
from iapeer_memory.broker.timed_stream_async import TimedStreamAsync
from iapeer_memory.broker.wire_v1.frame import Frame, FrameKind, response
from iapeer_memory.broker.wire_v1.framing import FRAME_CAP, FramingError, framed
from iapeer_memory.egress.local_sockets import local_connect
from iapeer_memory.egress.local_streams import open_local
from tests.support.client_driver import CLOCK, ECHO, Which
from tests.support.scripted_peer import Peer, Script, echoing, scripted

Ask = Callable[[bytes, float], Awaitable[Frame]]


async def opened(path: str) -> AsyncFrameClient:
    loop = asyncio.get_running_loop()
    return AsyncFrameClient(TimedStreamAsync(*await open_local(path, deadline=loop.time() + 5)))


def talk(which: Which, path: str, script: Script, conversation: Callable[[Ask], Awaitable[None]]) -> bytes:
    """Run a conversation with a scripted backend over either client; what is left over at its end."""

    async def run() -> bytes:
        if which == "blocking":
            client = FrameClient(TimedStream(local_connect(path, deadline=CLOCK.monotonic() + 5), CLOCK))

            async def ask(payload: bytes, seconds: float = 5) -> Frame:
                return client.request(ECHO, payload, deadline=CLOCK.monotonic() + seconds)

            await conversation(ask)
            stream, rest = client.release()
            stream.close()
            return rest
        there = await opened(path)

        async def ask_there(payload: bytes, seconds: float = 5) -> Frame:
            return await there.request(ECHO, payload, deadline=asyncio.get_running_loop().time() + seconds)

        await conversation(ask_there)
        _, writer, rest = there.release()
        writer.close()
        return rest

    with scripted(path, script):
        return asyncio.run(run())


def test_ids_count_from_one(which: Which, path: str) -> None:
    async def conversation(ask: Ask) -> None:
        answers = [await ask(payload, 5) for payload in (b"a", b"", b"b" * 200_000)]
        assert [(one.request_id, one.payload) for one in answers] == [(1, b"a"), (2, b""), (3, b"b" * 200_000)]

    assert talk(which, path, echoing, conversation) == b""


def test_after_the_last_id_comes_one() -> None:
    exchange = Exchange(last_id=LAST_ID - 1)
    ids = [decode(Frame, exchange.request(ECHO, b"")[5:]).request_id for _ in range(3)]
    assert ids == [LAST_ID, 1, 2]


WRONG: dict[str, dict[str, Any] | None] = {
    "not-a-response": {"kind": FrameKind.EVENT},
    "payload-protocol": {"payload_protocol": ECHO + 1},
    "request-id": {"request_id": 2},
    "envelope": {"envelope_version": 2},
    "decode": None,
    "framing": None,
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_answer_ends_the_connection(which: Which, path: str, fault: str) -> None:
    def script(peer: Peer) -> None:
        right = response(peer.frame(), b"x")
        change = WRONG[fault]
        body = encode(replace(right, **change)) if change else b"\xff"
        peer.send(b"\x00" if fault == "framing" else framed(body))
        echoing(peer)

    async def conversation(ask: Ask) -> None:
        with pytest.raises(ExchangeFailed) as raised:
            await ask(b"a", 5)
        assert raised.value.fault == fault
        with pytest.raises(ExchangeFailed) as raised:
            await ask(b"b", 5)
        assert raised.value.fault == "closed"
        assert "given up before" in raised.value.line()

    talk(which, path, script, conversation)


def test_a_compressed_answer_is_refused(which: Which, path: str) -> None:
    def script(peer: Peer) -> None:
        peer.send(framed(encode(replace(response(peer.frame(), b"x"), payload_encoding=1))))

    async def conversation(ask: Ask) -> None:
        with pytest.raises(ExchangeFailed, match="encoding 1"):
            await ask(b"a", 5)

    talk(which, path, script, conversation)


def test_a_late_answer_is_never_taken_for_the_next(which: Which, path: str) -> None:
    def script(peer: Peer) -> None:
        first = peer.frame()
        peer.stop.wait(0.4)
        peer.send(framed(encode(response(first, b"late"))))
        echoing(peer)

    async def conversation(ask: Ask) -> None:
        with pytest.raises(ExchangeFailed) as raised:
            await ask(b"a", 0.1)
        assert raised.value.fault == "timeout"
        with pytest.raises(ExchangeFailed) as raised:
            await ask(b"b", 5)
        assert raised.value.fault == "closed"

    talk(which, path, script, conversation)


def test_a_backend_that_dies(which: Which, path: str) -> None:
    async def conversation(ask: Ask) -> None:
        with pytest.raises(ExchangeFailed) as raised:
            await ask(b"a", 5)
        assert raised.value.fault == "framing"
        assert "the stream ended" in raised.value.line()

    def script(peer: Peer) -> None:
        peer.frame()

    talk(which, path, script, conversation)


def test_what_comes_behind_the_answer_is_kept(which: Which, path: str) -> None:
    def script(peer: Peer) -> None:
        peer.send(framed(encode(response(peer.frame(), b"x"))) + b"\x01half a fra")
        peer.linger()

    async def conversation(ask: Ask) -> None:
        assert (await ask(b"a", 5)).payload == b"x"

    assert talk(which, path, script, conversation) == b"\x01half a fra"


def test_a_payload_over_the_cap_is_not_sent(which: Which, path: str) -> None:
    async def conversation(ask: Ask) -> None:
        with pytest.raises(FramingError):
            await ask(b"x" * FRAME_CAP, 5)
        assert (await ask(b"small", 5)).payload == b"small"

    talk(which, path, echoing, conversation)


def test_callers_take_turns(path: str) -> None:
    async def run() -> None:
        client = await opened(path)
        deadline = asyncio.get_running_loop().time() + 10
        asked = [f"{number}".encode() * 500 for number in range(40)]
        answers = await asyncio.gather(*(client.request(ECHO, one, deadline=deadline) for one in asked))
        assert [answer.payload for answer in answers] == asked
        client.close()

    with scripted(path, echoing):
        asyncio.run(run())


def test_a_request_that_is_cancelled_ends_the_connection(path: str) -> None:
    def script(peer: Peer) -> None:
        peer.frame()
        peer.linger()

    async def run() -> None:
        client = await opened(path)
        deadline = asyncio.get_running_loop().time() + 10
        task = asyncio.create_task(client.request(ECHO, b"a", deadline=deadline))
        while not client.exchange.last_id:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ExchangeFailed) as raised:
            await client.request(ECHO, b"b", deadline=deadline)
        assert raised.value.fault == "closed"
        client.close()

    with scripted(path, script):
        asyncio.run(run())


def test_waiting_for_a_turn_has_a_deadline_and_breaks_nothing(path: str) -> None:
    def script(peer: Peer) -> None:
        first = peer.frame()
        peer.stop.wait(0.3)
        peer.send(framed(encode(response(first, b"x"))))
        echoing(peer)

    async def run() -> None:
        client, loop = await opened(path), asyncio.get_running_loop()
        first = asyncio.create_task(client.request(ECHO, b"a", deadline=loop.time() + 10))
        while not client.exchange.last_id:
            await asyncio.sleep(0)
        with pytest.raises(ExchangeFailed, match="still under way"):
            await client.request(ECHO, b"b", deadline=loop.time() + 0.05)
        assert (await first).payload == b"x"
        assert (await client.request(ECHO, b"c", deadline=loop.time() + 10)).payload == b"c"
        client.close()

    with scripted(path, script):
        asyncio.run(run())
