"""The client that waits, against a real router in another thread: at most once, whatever breaks when."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from iapeer_memory.attach.bodies import Identity, Tier
from iapeer_memory.attach.client import MOST_PUSHES, Client
from iapeer_memory.attach.client_wire import ATTEMPTS, pause_before
from iapeer_memory.attach.envelope import ERROR, GOODBYE, PUSH, REQUEST, RESPONSE, STREAM_DATA, STREAM_END, encoded
from iapeer_memory.attach.errors import AttachFailed, NotSent, OutcomeUnknown, Refused
from iapeer_memory.attach.reader import FrameReader
from tests.support.attached import SOON, Served, ask, serving, waiting_client


@contextmanager
def elsewhere(**how: Any) -> Iterator[tuple[Served, Callable[[Any], Any]]]:
    """A router in a thread of its own, and a way to run a coroutine function there."""
    loop = asyncio.new_event_loop()
    ready: list[Served] = []
    started = threading.Event()
    over: list[asyncio.Event] = []

    async def told() -> None:
        async with serving(**how) as served:
            ready.append(served)
            over.append(asyncio.Event())
            started.set()
            await over[0].wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(told(),))
    thread.start()
    try:
        assert started.wait(SOON)
        yield ready[0], lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(SOON)
    finally:
        if over:
            loop.call_soon_threadsafe(over[0].set)
        thread.join(SOON)
        loop.close()


def test_calls_streams_pushes_and_polls() -> None:
    with elsewhere() as (served, there):
        tiers = (Tier("user", "/u", "{}"),)
        client = waiting_client(served.path, served.folder, "s1", *tiers)
        assert client.request(b"x", within=SOON) == b"x"
        assert json.loads(client.request(ask("who"), within=SOON)) == [
            os.path.realpath(served.folder),
            "claude-code",
            "s1",
            [["user", "/u", "{}"]],
        ]
        assert list(client.stream(ask("stream", count=3), within=SOON)) == [b"0", b"1", b"2"]
        assert client.request(ask("stream", count=12), within=SOON) == b"01234567891011"
        client.request(ask("push"), within=SOON)
        assert client.pushes == [b"to everybody"]
        assert client.poll("liveness", within=SOON) is True
        with pytest.raises(Refused, match="status_unavailable"):
            client.poll("status", within=SOON)
        big = bytes(3 << 20)
        assert client.request(big, within=SOON, binary=True) == big
        client.close()
        there(served.settled(served.empty))
        assert client.request(b"again", within=SOON) == b"again"
        client.close()
        there(served.settled(served.empty))


def test_it_attaches_again_when_memory_has_restarted() -> None:
    with elsewhere() as (served, there):
        client = waiting_client(served.path, served.folder)
        assert client.request(b"1", within=SOON) == b"1"
        first = client.channel

        async def restart() -> None:
            assert served.module is not None
            served.module.close()
            await served.module.closed()
            await served.register()

        there(restart())
        assert client.request(b"2", within=SOON) == b"2"
        assert client.channel not in (0, first)

        async def hang_up() -> None:
            for wire in list(served.server._wires.values()):
                wire.close()
            await served.settled(lambda: not served.server.router.counts()["connections"])
            await served.register()

        there(hang_up())
        assert client.request(b"3", within=SOON) == b"3"
        assert [body for _, body in served.tools.done] == [b"1", b"2", b"3"]
        client.close()


def test_an_answer_that_does_not_come() -> None:
    with elsewhere() as (served, there):
        client = waiting_client(served.path, served.folder)
        with pytest.raises(OutcomeUnknown) as caught:
            client.request(ask("hold"), within=0.2, key="k")
        assert caught.value.key == "k"
        there(served.settled(served.empty))
        assert served.tools.cancelled == 1
        assert client.request(b"x", within=SOON) == b"x"
        client.close()


def test_nobody_is_there(tmp_path: Any) -> None:
    began = time.monotonic()
    with pytest.raises(NotSent, match="nobody answers"):
        waiting_client(f"{tmp_path}/none", "/", attempts=1).request(b"x", within=SOON)
    assert time.monotonic() - began < SOON / 2
    with pytest.raises(NotSent):
        waiting_client(f"{tmp_path}/none", "/").request(b"x", within=0.3)


def test_a_refusal_that_is_final_is_not_tried_again() -> None:
    with elsewhere() as (served, _):
        client = waiting_client(served.path, f"{served.folder}/none")
        with pytest.raises(Refused, match="invalid_project_root"):
            client.request(b"x", within=SOON)
        with pytest.raises(Refused, match="invalid_attach_request"):
            waiting_client(served.path, served.folder, "\udc80").request(b"x", within=SOON)
        client.close()


def test_pauses_grow() -> None:
    assert [pause_before(n) for n in range(ATTEMPTS + 1)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0]


class Scripted:
    """The router's end of a socket pair, driven by what the client has sent so far. No thread: it answers in `send`."""

    def __init__(self, answers: dict[int, list[bytes] | None]) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.reader = FrameReader()
        self.answers = answers
        self.heard: list[tuple[int, int, bytes]] = []

    def settimeout(self, seconds: float | None) -> None:
        self.ours.settimeout(seconds)

    def send(self, data: bytes) -> int:
        sent = self.ours.send(data)
        for frame in self.reader.feed(bytes(data[:sent])):
            self.heard.append((frame.kind, frame.channel, frame.body))
            answer = self.answers.get(frame.corr if frame.kind == REQUEST else 0)
            if answer is None and frame.kind == REQUEST:
                self.theirs.close()
            for one in answer or ():
                self.theirs.sendall(one)
        return sent

    def recv(self, size: int) -> bytes:
        return self.ours.recv(size)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


class Fast:
    """A clock on which waiting costs nothing."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    monotonic = now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def scripted(*scripts: dict[int, list[bytes] | None]) -> tuple[Client, list[Scripted], Fast]:
    """A client whose connections answer, by the request's correlation, with these frames; None: they hang up."""
    left = [Scripted(script) for script in scripts]
    used: list[Scripted] = []
    clock = Fast()

    def connect(end: float) -> Scripted:
        if not left:
            raise ConnectionRefusedError("nobody")
        used.append(left.pop(0))
        return used[-1]

    return Client(connect, clock, Identity("/", "h", "s")), used, clock


ACK = encoded(RESPONSE, 0, 1, b'{"route_channel":1}')


def error(channel: int, corr: int, code: str) -> bytes:
    return encoded(ERROR, channel, corr, b'{"code":"%s","message":"m"}' % code.encode())


@pytest.mark.parametrize("code", ["unknown_channel", "stale_route_epoch", "module_reloading"])
def test_what_was_not_seen_is_asked_once_more(code: str) -> None:
    again = [encoded(RESPONSE, 0, 3, b'{"route_channel":2}')]
    client, used, _ = scripted({1: [ACK], 2: [error(1, 2, code)], 3: again, 4: [encoded(RESPONSE, 2, 4, b"done")]})
    assert client.request(b"x", within=9) == b"done"
    assert [channel for kind, channel, body in used[0].heard if body == b"x"] == [1, 2]
    client, used, _ = scripted({1: [ACK], 2: [error(1, 2, code)], 3: again, 4: [error(2, 4, code)]})
    with pytest.raises(Refused, match=code):
        client.request(b"x", within=9)
    assert len([body for _, _, body in used[0].heard if body == b"x"]) == 2


@pytest.mark.parametrize("code", ["backend_error", "handler_failed", "cancelled", "anything"])
def test_what_was_seen_is_not(code: str) -> None:
    client, used, _ = scripted({1: [ACK], 2: [error(1, 2, code)]})
    with pytest.raises(OutcomeUnknown if code == "backend_error" else Refused):
        client.request(b"x", within=9)
    assert len([body for _, _, body in used[0].heard if body == b"x"]) == 1


def test_a_connection_that_ends_before_the_answer() -> None:
    client, used, _ = scripted({1: [ACK], 2: None}, {1: [ACK], 2: [encoded(RESPONSE, 1, 2, b"two")]})
    with pytest.raises(OutcomeUnknown):
        client.request(b"x", within=9)
    assert len(used) == 1
    assert client.request(b"y", within=9) == b"two"


def test_a_route_that_ended_before_the_question() -> None:
    gone, again = [error(1, 2, "unknown_channel")], [encoded(RESPONSE, 0, 3, b'{"route_channel":2}')]
    client, used, _ = scripted({1: [ACK], 2: gone, 3: again, 4: [encoded(RESPONSE, 2, 4, b"done")]})
    client.attach(9)
    used[0].theirs.sendall(encoded(PUSH, 1, 0, b"news") + encoded(GOODBYE, 1, 0))
    assert client.request(b"x", within=9) == b"done"
    assert client.pushes == [b"news"]
    assert [channel for _, channel, _ in used[0].heard] == [0, 1, 0, 2]


def test_a_connection_that_ended_before_the_question() -> None:
    client, used, _ = scripted({1: [ACK], 2: []}, {1: [ACK], 2: [encoded(RESPONSE, 1, 2, b"done")]})
    client.attach(9)
    used[0].theirs.close()
    assert client.request(b"x", within=9) == b"done"
    assert len(used) == 2


@pytest.mark.parametrize("code", ["module_unavailable", "module_timeout", "module_reloading", "module_warming"])
def test_an_attach_that_may_work_later(code: str) -> None:
    answers: dict[int, list[bytes] | None] = {n: [error(0, n, code)] for n in range(1, 9)}
    client, used, clock = scripted(answers)
    with pytest.raises(Refused, match=code):
        client.request(b"x", within=99)
    assert clock.slept == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6]
    assert len(used[0].heard) == ATTEMPTS


@pytest.mark.parametrize("code", ["invalid_project_root", "config_divergence", "forwarding_error", "unknown_module"])
def test_an_attach_that_never_will(code: str) -> None:
    client, used, clock = scripted({1: [error(0, 1, code)]})
    with pytest.raises(Refused, match=rf"^{code}: m$"):
        client.request(b"x", within=99)
    assert sum(clock.slept) == 0
    assert len(used[0].heard) == 1


def test_the_next_attach_uses_the_settings_of_its_day() -> None:
    docs = ["old", "new"]
    client, used, _ = scripted(
        {
            1: [ACK],
            2: [encoded(RESPONSE, 1, 2, b"1"), encoded(GOODBYE, 1, 0)],
            3: [encoded(RESPONSE, 0, 3, b'{"route_channel":2}')],
            4: [encoded(RESPONSE, 2, 4, b"2")],
        }
    )
    client._tiers = lambda: [Tier("user", "/u", docs.pop(0))]
    assert client.request(b"x", within=9) == b"1"
    assert client.request(b"y", within=9) == b"2"
    assert [
        b'"doc":"old"' in body or b'"doc":"new"' in body for kind, channel, body in used[0].heard if not channel
    ] == [True, True]
    assert docs == []


@pytest.mark.parametrize(
    "answer",
    [
        encoded(RESPONSE, 0, 1, b"{}"),
        encoded(RESPONSE, 0, 1, b'{"route_channel":0}'),
        encoded(RESPONSE, 0, 1, b'{"route_channel":65536}'),
        encoded(RESPONSE, 0, 1, b'{"route_channel":true}'),
        encoded(RESPONSE, 0, 1, b'{"route_channel":1.0}'),
        encoded(RESPONSE, 0, 1, b'{"route_channel":1} x'),
        encoded(RESPONSE, 0, 1, b"[" * 100_000),
        encoded(RESPONSE, 0, 1, b"\xff"),
        encoded(STREAM_END, 0, 1),
        encoded(ERROR, 0, 1, b"{}"),
        encoded(ERROR, 0, 1, b'{"code":1,"message":2}'),
        b"\xff" * 17,
    ],
    ids=lambda answer: repr(answer[17:40]),
)
def test_a_router_that_talks_nonsense(answer: bytes) -> None:
    scripts: list[dict[int, list[bytes] | None]] = [{1: [answer]} for _ in range(ATTEMPTS)]
    client, _, _ = scripted(*scripts)
    with pytest.raises(AttachFailed):
        client.request(b"x", within=99)


def test_what_is_not_asked_for_is_put_aside() -> None:
    client, _, _ = scripted(
        {
            1: [encoded(RESPONSE, 0, 9, b"{}"), encoded(PUSH, 0, 1, b"x"), ACK],
            2: [
                *[encoded(PUSH, 1, 2, b"%d" % n) for n in range(MOST_PUSHES + 5)],
                encoded(PUSH, 3, 0, b"not ours"),
                encoded(RESPONSE, 1, 1, b"late"),
                encoded(RESPONSE, 2, 2, b"not ours"),
                encoded(STREAM_DATA, 1, 2, b"a"),
                encoded(STREAM_END, 1, 2),
            ],
        }
    )
    assert client.request(b"x", within=9) == b"a"
    assert client.pushes == [b"%d" % n for n in range(5, MOST_PUSHES + 5)]


def test_the_waiting_client_brings_little() -> None:
    script = "import sys; import iapeer_memory.attach.client; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "json", "re", "enum", "dataclasses", "typing", "socket", "collections", "functools", "logging"}
    loaded = set(done.stdout.split())
    assert "iapeer_memory.attach.client" in loaded
    assert not loaded & heavy
    assert {name.split(".")[1] for name in loaded if name.startswith("iapeer_memory.")} == {"attach", "domain"}


def test_the_room_brings_no_framework() -> None:
    names = ", ".join(f"iapeer_memory.attach.{name}" for name in ("module", "serve", "client_async", "tiers"))
    script = f"import sys, {names}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"pydantic", "mcp", "sqlite3", "uvicorn", "starlette", "typer"} & set(done.stdout.split())
