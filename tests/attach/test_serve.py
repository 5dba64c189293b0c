"""The router on a real socket, a module of the same process or of another connection, and many sessions at once."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from iapeer_memory.attach import control
from iapeer_memory.attach.bodies import Identity, Tier, attach_relay, route_named
from iapeer_memory.attach.bound_route import Answer, BoundRoute
from iapeer_memory.attach.envelope import (
    BODY_CAP,
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
    encoded,
)
from iapeer_memory.attach.errors import NotSent, OutcomeUnknown, Refused
from iapeer_memory.attach.module import Module
from iapeer_memory.attach.serve import RouterServer
from iapeer_memory.attach.staying import stay_registered
from iapeer_memory.attach.tiers import difference
from iapeer_memory.egress.local_sockets import Credentials, local_listener
from iapeer_memory.egress.local_transports import connect_transport
from iapeer_memory.egress.real import real_door
from tests.support.attached import SOON, Raw, Served, ask, client_at, serving, socket_folder
from tests.support.traced import manifest

Story = Callable[[Served], Coroutine[Any, Any, None]]


def run(story: Story, **how: Any) -> None:
    """Tell a story on a loop of its own, and see that nothing of it is left."""

    async def told() -> None:
        async with asyncio.timeout(60), serving(**how) as served:
            await story(served)
            served.hang_up()
            await served.settled(served.empty)

    asyncio.run(told())


both_ways = pytest.mark.parametrize("joined", [True, False], ids=["joined", "over the socket"])

TIERS = (Tier("user", "/u/m.jsonc", '{ // é\n "results": 3 }'), Tier("project", "/p/m.jsonc", "{"))


@both_ways
def test_attach_then_a_round_trip(joined: bool) -> None:
    async def story(served: Served) -> None:
        session = served.own("s1", *TIERS)
        assert await session.request(ask("echo"), within=SOON) == ask("echo")
        root, harness, name, tiers = json.loads(await session.request(ask("who"), within=SOON))
        assert (root, harness, name) == (os.path.realpath(served.folder), "codex", "s1")
        assert [Tier(*tier) for tier in tiers] == list(TIERS)
        session.end()
        await served.settled(lambda: len(served.tools.gone) == 1)
        assert served.empty()

    run(story, joined=joined)


@both_ways
def test_a_client_that_drops_is_forgotten(joined: bool) -> None:
    async def story(served: Served) -> None:
        client = served.client()
        session = served.session(client)
        waiting = asyncio.ensure_future(session.request(ask("hold"), within=SOON))
        await served.settled(lambda: served.tools.held == 1)
        client.close()
        with pytest.raises(OutcomeUnknown):
            await waiting
        await served.settled(lambda: served.empty() and served.tools.cancelled == 1)
        assert await served.session(served.client(), "other").request(b"x", within=SOON) == b"x"

    async def closed(served: Served) -> None:
        await story(served)
        await served.server.close()

    run(closed, joined=joined)


def test_a_veto_and_then_an_attach() -> None:
    here = {"model": "a", "dimensions": "4096"}

    async def vet(route: BoundRoute) -> Refused | None:
        told = difference(here, (("model", "b" if route.identity.session == "odd" else "a"), ("dimensions", "4096")))
        return Refused("config_divergence", told) if told else None

    async def story(served: Served) -> None:
        client = served.client()
        with pytest.raises(Refused) as caught:
            await served.session(client, "odd").request(b"x", within=SOON)
        assert caught.value.code == "config_divergence"
        assert caught.value.message == "model: 'a' here, 'b' asked for"
        assert served.empty()
        assert await served.session(client, "even").request(b"x", within=SOON) == b"x"
        client.close()

    run(story, vet=vet)


@both_ways
def test_a_slow_call_delays_no_other_session(joined: bool) -> None:
    async def story(served: Served) -> None:
        first, second = served.client(), served.client()
        slow = asyncio.ensure_future(served.session(first, "slow").request(ask("hold"), within=SOON))
        await served.settled(lambda: served.tools.held == 1)
        other = served.session(second, "quick")
        for _ in range(20):
            assert await other.request(b"x", within=SOON) == b"x"
        assert not slow.done()
        served.tools.let_go()
        await slow
        first.close()
        second.close()

    run(story, joined=joined, concurrency="serial")


def test_a_slow_attach_delays_nobody() -> None:
    async def story_with(gate: asyncio.Event, served: Served) -> None:
        client = served.client()
        slow = asyncio.ensure_future(served.session(client, "slow").request(b"x", within=SOON))
        await served.settled(lambda: served.server.router.counts()["relays"] == 1)
        assert await served.session(client, "quick").request(b"y", within=SOON) == b"y"
        assert not slow.done()
        gate.set()
        assert await slow == b"x"
        client.close()

    async def told() -> None:
        gate = asyncio.Event()

        async def vet(route: BoundRoute) -> Refused | None:
            if route.identity.session == "slow":
                await gate.wait()
            return None

        async with asyncio.timeout(60), serving(vet=vet) as served:
            await story_with(gate, served)
            await served.settled(served.empty)

    asyncio.run(told())


def test_pushes_reach_every_session() -> None:
    async def story(served: Served) -> None:
        got: dict[str, list[bytes]] = {"a": [], "b": []}
        client, other = served.client(), served.client()
        first = served.session(client, "a", pushed=got["a"].append)
        second = served.session(other, "b", pushed=got["b"].append)
        await first.request(b"x", within=SOON)
        await second.request(ask("push"), within=SOON)
        await served.settled(lambda: all(got.values()))
        assert got == {"a": [b"to everybody"], "b": [b"to everybody"]}
        client.close()
        other.close()

    run(story)


@both_ways
def test_eight_at_once_come_back_in_order(joined: bool) -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as raw:
            channel = await raw.attach(served.folder)
            for corr in range(1, 9):
                raw.say(REQUEST, channel, corr, b"%d" % corr)
            answers = [await raw.hear() for _ in range(8)]
            assert [(frame.corr, frame.body) for frame in answers if frame] == [(n, b"%d" % n) for n in range(1, 9)]

    run(story, joined=joined)


@both_ways
def test_a_module_that_restarts(joined: bool) -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as raw:
            channel = await raw.attach(served.folder)
            raw.say(REQUEST, channel, 5, ask("hold"))
            await served.settled(lambda: served.tools.held == 1)
            assert served.module is not None
            served.module.close()
            lost, goodbye = await raw.hear(), await raw.hear()
            assert lost is not None and goodbye is not None
            assert (lost.kind, lost.corr, json.loads(lost.body)["code"]) == (ERROR, 5, "backend_error")
            assert (goodbye.kind, goodbye.channel) == (GOODBYE, channel)
            raw.say(REQUEST, channel, 6, b"x")
            unknown = await raw.hear()
            assert unknown is not None
            assert json.loads(unknown.body)["code"] == "unknown_channel"
            await served.register(joined=joined)
            again = await raw.attach(served.folder)
            assert again != channel
            raw.say(REQUEST, again, 7, b"x")
            answer = await raw.hear()
            assert answer is not None
            assert answer.body == b"x"

    run(story, joined=joined)


@both_ways
def test_streams(joined: bool) -> None:
    async def story(served: Served) -> None:
        session = served.own()
        got = [piece async for piece in session.stream(ask("stream", count=100), within=SOON)]
        assert got == [b"%d" % number for number in range(100)]
        got = []
        with pytest.raises(Refused, match="handler_failed"):
            async for piece in session.stream(ask("broken stream"), within=SOON):
                got.append(piece)
        assert got == [b"0"]

    run(story, joined=joined)


@both_ways
def test_a_cancelled_request_is_answered_once(joined: bool) -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as raw:
            channel = await raw.attach(served.folder)
            raw.say(REQUEST, channel, 5, ask("hold"))
            await served.settled(lambda: served.tools.held == 1)
            raw.say(CANCEL, channel, 5)
            answer = await raw.hear()
            assert answer is not None
            assert (answer.kind, answer.corr, json.loads(answer.body)["code"]) == (ERROR, 5, "cancelled")
            raw.say(CANCEL, channel, 5)
            raw.say(PING, channel, 6, flags=8)
            answer = await raw.hear()
            assert answer is not None
            assert (answer.kind, answer.corr, answer.flags) == (PONG, 6, 8)

    run(story, joined=joined)


@both_ways
def test_a_request_that_is_cancelled_in_the_same_breath(joined: bool) -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as raw:
            channel = await raw.attach(served.folder)
            for corr in range(1, 101):
                raw.writer.write(encoded(REQUEST, channel, corr, ask("hold")) + encoded(CANCEL, channel, corr))
            ended = [await raw.hear() for _ in range(100)]
            assert sorted(frame.corr for frame in ended if frame and frame.kind == ERROR) == list(range(1, 101))
            raw.say(REQUEST, channel, 101, b"x")
            answer = await raw.hear()
            assert answer is not None
            assert answer.body == b"x"
            raw.writer.write(encoded(REQUEST, channel, 102, ask("hold")) + encoded(GOODBYE, channel, 0))

    run(story, joined=joined)


def test_an_attach_that_nobody_waits_for_any_more() -> None:
    async def told() -> None:
        gate = asyncio.Event()

        async def vet(route: BoundRoute) -> Refused | None:
            if route.identity.session == "slow":
                await gate.wait()
            return None

        async with asyncio.timeout(60), serving(vet=vet) as served:
            client = served.client()
            other = served.session(client, "quick")
            await other.request(b"x", within=SOON)
            slow = served.session(client, "slow")
            with pytest.raises(NotSent):
                await slow.request(b"x", within=0.1)
            asked = asyncio.ensure_future(served.session(client, "slow").request(b"x", within=SOON))
            await served.settled(lambda: served.server.router.counts()["relays"] == 2)
            asked.cancel()
            await served.settled(asked.done)
            gate.set()
            await served.settled(lambda: served.server.router.counts()["channels"] == 1 and len(served.tools.gone) == 2)
            assert await other.request(b"y", within=SOON) == b"y"
            client.close()
            await served.settled(served.empty)

    asyncio.run(told())


def test_a_session_that_goes_before_it_is_looked_at() -> None:
    class Ear(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.said = b""

        def write(self, data: Any) -> None:
            self.said += data

    async def told() -> None:
        with socket_folder() as folder:
            served = Served(folder)
            module, ear = served.make(), Ear()
            module.connection_made(ear)
            module.data_received(encoded(HELLO_ACK, 0, 1, control.hello_ack_body(1, 1)))
            before = ear.said
            relay = encoded(REQUEST, 0, 1, attach_relay(1, Identity("/", "h", "s"), ()))
            module.data_received(relay + encoded(REQUEST, 0, 0, route_named(1)))
            await asyncio.sleep(0.01)
            assert (ear.said, module.routes, module._vetting) == (before, {}, {})
            module.connection_lost(None)

    asyncio.run(told())


def test_errors_say_what_they_may() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        with pytest.raises(Refused) as caught:
            await session.request(ask("refuse"), within=SOON)
        assert (caught.value.code, caught.value.detail) == ("not_today", {"when": "tomorrow"})
        with pytest.raises(Refused) as caught:
            await session.request(ask("break"), within=SOON)
        assert caught.value.code == "handler_failed"
        assert "secret" not in str(caught.value)
        assert any("secret" in line for line in served.tools.log)
        [one] = served.server.sessions()
        assert (one.pid, one.uid, one.calls) == (os.getpid(), os.getuid(), 2)
        assert json.loads(one.last_error)["code"] == "handler_failed"

    run(story)


def test_an_answer_that_no_frame_holds() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        with pytest.raises(Refused, match="handler_failed"):
            await session.request(ask("large", count=BODY_CAP + 1), within=SOON)
        with pytest.raises(Refused) as caught:
            await session.request(ask("refuse oddly"), within=SOON)
        assert caught.value.code == "odd"
        with pytest.raises(NotSent, match="too large"):
            await session.request(bytes(BODY_CAP + 1), within=SOON)
        for _ in range(40):
            assert await session.request(b"x", within=SOON) == b"x"

    run(story)


def test_a_stream_that_nobody_reads_on_is_closed() -> None:
    closed = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed += 1

    async def story(served: Served) -> None:
        assert served.module is not None

        async def answer(route: BoundRoute, method: str, body: bytes) -> Answer:
            return endless()

        served.module._answering._handler = answer
        for leaves in ("cancel", "goodbye"):
            client = served.client()
            session = served.session(client, leaves)
            async for piece in session.stream(b"x", within=SOON):
                assert piece == b"x"
                break
            if leaves == "goodbye":
                session.end()
            else:
                client.close()
            await served.settled(served.empty)
        assert closed == 2

    run(story)


def test_polls_are_answered_by_the_router() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        with pytest.raises(NotSent):
            await session.poll("liveness", within=SOON)
        await session.request(b"x", within=SOON)
        assert await session.poll("liveness", within=SOON) is True
        with pytest.raises(Refused, match="status_unavailable"):
            await session.poll("status", within=SOON)
        await session.request(ask("status"), within=SOON)
        await served.settled(lambda: served.server.router.counts()["statuses"] == 1)
        assert await session.poll("status", within=SOON) == "indexing"

    run(story)


def test_a_route_that_the_module_ends_is_attached_again_when_it_is_needed() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        await session.request(b"x", within=SOON)
        with pytest.raises(OutcomeUnknown):
            await session.request(ask("end"), within=SOON)
        assert session.channel == 0
        assert await session.request(b"y", within=SOON) == b"y"

    run(story)


def test_a_request_is_asked_again_only_where_it_was_not_seen() -> None:
    async def story(served: Served) -> None:
        client = served.client()
        session = served.session(client)
        await session.request(b"x", within=SOON)
        channel, served.tools.done = session.channel, []
        # The router forgets the route behind the client's back, as a restart of the router would.
        route = next(one for one in served.server.router._connections if channel in one.routes).routes[channel]
        served.server.router._routes.detach(route, served.server.now())
        assert await session.request(b"y", within=SOON) == b"y"
        assert session.channel != channel
        assert [body for _, body in served.tools.done] == [b"y"]
        client.close()

    run(story)


def test_a_write_with_a_key_is_done_once() -> None:
    async def story(served: Served) -> None:
        write = b" \n" + ask("hold", idempotency_key="k1")
        client = served.client()
        first = asyncio.ensure_future(served.session(client).request(write, within=SOON, key="k1"))
        await served.settled(lambda: served.tools.held == 1)
        client.close()
        with pytest.raises(OutcomeUnknown) as caught:
            await first
        assert caught.value.key == "k1"
        client = served.client()
        session = served.session(client)
        again = asyncio.ensure_future(session.request(write, within=SOON, key="k1"))
        await served.settled(lambda: served.server.router.counts()["routes"] == 1)
        served.tools.let_go()
        assert await again == write
        assert await session.request(write, within=SOON, key="k1") == write
        assert len(served.tools.done) == 1
        with pytest.raises(Refused, match="idempotency_key_reused"):
            await session.request(ask("hold", idempotency_key="k1", other=1), within=SOON)
        other = served.session(client, "another session")
        assert await other.request(write, within=SOON) == write
        assert len(served.tools.done) == 2
        client.close()

    run(story)


def test_a_write_that_failed_may_be_tried_again() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        for _ in range(2):
            with pytest.raises(Refused, match="not_today"):
                await session.request(ask("refuse", idempotency_key="k"), within=SOON)
        assert len(served.tools.done) == 2
        assert len(served.once) == 0

    run(story)


def test_a_question_that_is_given_up_is_cancelled() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        with pytest.raises(OutcomeUnknown):
            await session.request(ask("hold"), within=0.1)
        await served.settled(lambda: served.tools.cancelled == 1)
        assert await session.request(b"x", within=SOON) == b"x"
        task = asyncio.ensure_future(session.request(ask("hold"), within=SOON))
        await served.settled(lambda: served.tools.held == 2)
        task.cancel()
        await served.settled(lambda: served.tools.cancelled == 2)

    run(story)


def test_nobody_answers() -> None:
    async def told() -> None:
        with socket_folder() as folder:
            session = Served(folder).session(client_at(f"{folder}/none"))
            with pytest.raises(NotSent):
                await session.request(b"x", within=0.3)

    asyncio.run(told())


def test_the_module_comes_later() -> None:
    async def told() -> None:
        with socket_folder() as folder:
            served = Served(folder)
            await served.server.serve(local_listener(served.path))
            client = served.client()
            asked = asyncio.ensure_future(served.session(client).request(b"x", within=SOON))
            await served.settled(lambda: served.server.router.counts()["connections"] == 1)
            await served.register()
            assert await asked == b"x"
            client.close()
            await served.server.close()

    asyncio.run(told())


def test_a_module_stays_registered() -> None:
    async def told() -> None:
        with socket_folder() as folder:
            served = Served(folder)
            reasons: list[str] = []

            async def connect(module: Module) -> None:
                end = asyncio.get_running_loop().time() + SOON
                await connect_transport(served.path, lambda: module, deadline=end)

            staying = asyncio.ensure_future(stay_registered(served.make, connect, reasons.append))
            await served.settled(lambda: len(reasons) == 1)
            for _ in range(2):
                await served.server.serve(local_listener(served.path))
                client = served.client()
                assert await served.session(client).request(b"x", within=SOON) == b"x"
                await served.server.close()
                await served.settled(lambda: not any(served.server.router.counts().values()))
                client.close()
            await served.server.serve(local_listener(served.path))
            await served.settled(lambda: served.server.router.counts()["modules"] == 1)
            staying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await staying
            await served.settled(lambda: served.server.router.counts()["connections"] == 0)
            assert "the router hung up" in reasons
            await served.server.close()

    asyncio.run(told())


def test_a_stranger_is_shown_the_door_and_the_socket_is_private() -> None:
    async def told() -> None:
        with socket_folder() as folder:
            path = f"{folder}/s"
            mine = os.getuid()
            server = RouterServer(real_door().files, uid=mine, credentials=lambda _: Credentials(mine + 1, 1))
            await server.serve(local_listener(path))
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            async with Raw(path) as raw:
                raw.say(PING, 0, 1)
                assert await raw.hear() is None
            assert server.router.counts()["connections"] == 0
            await server.close()

    asyncio.run(told())


@pytest.mark.parametrize(
    "junk",
    [
        b"\0\0\0\0\x09",
        b"GET / HTTP/1.1\r\n\r\n",
        encoded(PING, 0, 1)[:-1] + b"\0" + b"\xff" * 17,
        (64 * 1024 * 1024 + 1).to_bytes(4, "little") + bytes((1, 0, 0, 1, 0)) + bytes(8),
    ],
)
def test_garbage_closes_the_connection_without_a_word(junk: bytes) -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as good, Raw(served.path) as bad:
            channel = await good.attach(served.folder)
            await bad.attach(served.folder)
            bad.say(PING, 0, 9)
            bad.writer.write(junk)
            frames = []
            while (frame := await bad.hear()) is not None:
                frames.append(frame.kind)
            assert set(frames) == {PONG}
            good.say(REQUEST, channel, 1, b"x")
            answer = await good.hear()
            assert answer is not None
            assert answer.body == b"x"

    run(story)


def test_a_client_that_does_not_read_disturbs_nobody() -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as greedy, Raw(served.path) as good:
            channel, other = await greedy.attach(served.folder), await good.attach(served.folder)
            for corr in range(1, 21):
                greedy.say(REQUEST, channel, corr, ask("large", count=1 << 20))
            for corr in range(1, 11):
                good.say(REQUEST, other, corr, b"x")
                answer = await good.hear()
                assert answer is not None
                assert answer.body == b"x"
            await served.settled(lambda: served.server.router.counts()["routes"] == 1)

    run(story)


def test_a_large_body_goes_both_ways() -> None:
    async def story(served: Served) -> None:
        session = served.own()
        body = b"\xff" * (20 << 20)
        assert await session.request(body, within=SOON, binary=True) == body

    run(story, joined=False)


def test_a_hello_over_the_socket() -> None:
    async def story(served: Served) -> None:
        async with Raw(served.path) as raw:
            raw.say(HELLO, 0, 1, b"{")
            answer = await raw.hear()
            assert answer is not None
            assert json.loads(answer.body)["code"] == "invalid_hello"
            raw.say(PING, 0, 4)
            answer = await raw.hear()
            assert answer is not None
            assert answer.raw.hex() == "0000000001080000000400000000000000"
            raw.say(HELLO, 0, 2, control.hello_body(manifest("second", provides=[]), 1))
            answer = await raw.hear()
            assert answer is not None
            assert (answer.kind, answer.corr) == (HELLO_ACK, 2)
        await served.settled(lambda: served.server.router.counts()["modules"] == 1)
        module = served.make()
        served.server.join(module)
        with pytest.raises(Refused, match="duplicate_module_id"):
            await module.registered()
        await module.closed()
        client = served.client()
        assert await served.session(client).request(b"x", within=SOON) == b"x"
        client.close()

    run(story)


def test_a_root_is_made_canonical_once() -> None:
    async def story(served: Served) -> None:
        os.symlink(served.folder, f"{served.folder}/link")
        client = served.client()
        session = served.session(client)
        session.identity.root = f"{served.folder}/link/."
        assert json.loads(await session.request(ask("who"), within=SOON))[0] == os.path.realpath(served.folder)
        gone = served.session(client, "gone")
        gone.identity.root = f"{served.folder}/none"
        with pytest.raises(Refused, match="invalid_project_root: project root does not exist"):
            await gone.request(b"x", within=SOON)
        client.close()

    run(story)


def test_many_sessions_over_many_connections() -> None:
    async def story(served: Served) -> None:
        clients = [served.client() for _ in range(50)]
        sessions = [served.session(client, f"{n} {m}") for n, client in enumerate(clients) for m in range(2)]
        answers = await asyncio.gather(
            *(one.request(b"%d" % n, within=SOON) for n, one in enumerate(sessions) for _ in range(5))
        )
        assert answers == [b"%d" % n for n in range(100) for _ in range(5)]
        assert len(served.server.sessions()) == 100
        assert len({one.channel for one in served.server.sessions()}) == 100
        for client in clients:
            client.close()

    run(story)


def test_a_module_that_answers_nonsense_over_the_socket() -> None:
    async def told() -> None:
        with socket_folder() as folder:
            served = Served(folder)
            await served.server.serve(local_listener(served.path))
            async with Raw(served.path) as module:
                module.say(HELLO, 0, 1, control.hello_body(manifest(), 1))
                assert await module.hear() is not None
                client = served.client()
                asked = asyncio.ensure_future(served.session(client).request(b"x", within=SOON))
                relay = await module.hear()
                assert relay is not None
                module.say(RESPONSE, 0, relay.corr, b"yes")
                with pytest.raises(Refused, match="invalid_attach_relay_response"):
                    await asked
                module.say(PUSH, 7, 0, b"for nobody")
                module.say(PING, 0, 3)
                kinds = [frame.kind for _ in range(3) if (frame := await module.hear())]
                assert kinds == [ERROR, REQUEST, PONG]
                client.close()
            await served.server.close()

    asyncio.run(told())
