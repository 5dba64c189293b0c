"""Our clients with live daemons, ours and running-process's: frames, and a Hello that only a proof can spare."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from subprocess import Popen
from typing import TYPE_CHECKING

import pytest

from iapeer_memory.broker.client import LocalTarget, connect_local_socket
from iapeer_memory.broker.client_async import AsyncTarget, Streams, connect_target
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.frame_client_async import AsyncFrameClient
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.target import Cached, Target
from iapeer_memory.broker.verify import Proved, verify
from iapeer_memory.broker.verify_async import ProvedAsync, verify_async
from tests.support.backends import LANE, Bed, bed, started, their_backend, until
from tests.support.client_driver import CLOCK, wanted
from tests.support.scripted_peer import echoing, negotiating, scripted

if TYPE_CHECKING:
    import socket

pytest.importorskip("running_process_service")
Started = Callable[[Bed], AbstractContextManager["Popen[bytes]"]]


@contextmanager
def our_backend(host: Bed) -> Iterator[Popen[bytes]]:
    """A daemon of ours that has announced itself."""
    with started([sys.executable, "-m", "tests.support.pong_child"], host.environment(NAME=host.name)) as process:
        until(lambda: (claim := host.sidecar()) is not None and claim.process.pid == process.pid)
        yield process


STARTED: dict[str, Started] = {"ours": our_backend, "theirs": their_backend}
OWN = wanted("1.0.0", own="1.0.0")


@pytest.fixture
def host() -> Iterator[Bed]:
    with bed() as made:
        yield made


@pytest.fixture(params=STARTED)
def starting(request: pytest.FixtureRequest) -> Started:
    return STARTED[request.param]


def proving(host: Bed, claim: Sidecar) -> Callable[[str, float], socket.socket | None]:
    """What a caller passes for a cached endpoint: the whole verification of its claim."""

    def prove(endpoint: str, deadline: float) -> socket.socket | None:
        found = verify(host.door, ExecutableHashes(), claim, host.wanted(), seconds=deadline - CLOCK.monotonic())
        if not isinstance(found, Proved):
            return None
        found.pin.close()
        return found.stream

    return prove


def claim_of(host: Bed) -> Sidecar:
    claim = host.sidecar()
    assert claim is not None
    return claim


def test_a_verified_daemon_needs_no_hello(host: Bed, starting: Started) -> None:
    with starting(host), scripted(f"{host.folder}/br", negotiating("/nowhere")) as broker:
        cached = Cached(host.endpoint.path, proving(host, claim_of(host)))
        target: LocalTarget = Target(socket_path=f"{host.folder}/br", wanted=OWN, uid=os.getuid(), cached=cached)
        found = connect_local_socket(target, clock=CLOCK, deadline=CLOCK.monotonic() + 10)
        assert found.route == "hello-skip"
        client = FrameClient(found.stream)
        for payload in (b"a", b"b" * 100_000):
            answer = client.request(LANE, payload, deadline=CLOCK.monotonic() + 10)
            assert answer.payload == b"pong:" + payload
        client.close()
        assert broker.count == 0


def test_the_same_on_an_event_loop(host: Bed, starting: Started) -> None:
    async def run() -> None:
        loop, claim = asyncio.get_running_loop(), claim_of(host)

        async def prove(endpoint: str, deadline: float) -> Streams | None:
            seconds = deadline - loop.time()
            found = await verify_async(host.door, ExecutableHashes(), claim, host.wanted(), seconds=seconds)
            if not isinstance(found, ProvedAsync):
                return None
            found.pin.close()
            return found.reader, found.writer

        target: AsyncTarget = Target(
            socket_path=f"{host.folder}/br", wanted=OWN, uid=os.getuid(), cached=Cached(host.endpoint.path, prove)
        )
        found = await connect_target(target, deadline=loop.time() + 10)
        assert found.route == "hello-skip"
        client = AsyncFrameClient(found.stream)
        assert (await client.request(LANE, b"x", deadline=loop.time() + 10)).payload == b"pong:x"
        client.close()

    with starting(host), scripted(f"{host.folder}/br", negotiating("/nowhere")) as broker:
        asyncio.run(run())
        assert broker.count == 0


def test_a_squatter_on_the_cached_endpoint_gets_no_request(host: Bed) -> None:
    """The daemon dies and somebody else binds its socket: the proof fails, and the broker is asked."""
    with our_backend(host) as process:
        claim = claim_of(host)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    os.unlink(host.endpoint.path)
    other = f"{host.folder}/be"
    cached = Cached(host.endpoint.path, proving(host, claim))
    target: LocalTarget = Target(socket_path=f"{host.folder}/br", wanted=OWN, uid=os.getuid(), cached=cached)
    with (
        scripted(host.endpoint.path, echoing),
        scripted(other, echoing),
        scripted(f"{host.folder}/br", negotiating(other)),
    ):
        found = connect_local_socket(target, clock=CLOCK, deadline=CLOCK.monotonic() + 10)
        assert (found.route, found.endpoint) == ("broker-negotiated", other)
        found.stream.close()
