"""A session from the switch to the frames, and the clients that find a broker by its program's name."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.broker import client_async, client_v2
from iapeer_memory.broker.adopt import Session, adopt
from iapeer_memory.broker.adopt_async import AsyncSession, adopt_async
from iapeer_memory.broker.client_errors import BrokerDisabled, BrokerUnreachable
from iapeer_memory.broker.client_v2 import Caller
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.names import BadName, PathTooLong, Place
from iapeer_memory.broker.target import Target, v2_socket
from iapeer_memory.broker.wire_v1.control import Hello
from iapeer_memory.domain.errors import ConfigError
from tests.support.client_driver import BOTH, CLOCK, ECHO, Which, wanted
from tests.support.scripted_peer import echoing, negotiating, scripted

ROOT = Path(__file__).resolve().parents[2]
USER = "fabb4490c21b4bbc"


def caller(base: str) -> Caller:
    return Caller(Place(platform="linux", uid=os.getuid(), home=base, runtime=base), USER)


def at(path: str) -> Any:
    return Target(socket_path=path, wanted=wanted(), uid=os.getuid(), generation=2)


async def adopted(path: str, environment: Mapping[str, str]) -> AsyncSession:
    return await adopt_async(at(path), environment=environment, deadline=asyncio.get_running_loop().time() + 5)


def blocking(path: str, environment: Mapping[str, str]) -> Session:
    return adopt(at(path), environment=environment, clock=CLOCK, deadline=CLOCK.monotonic() + 5)


EMPTY_FRAME = b"\x01\x00\x00\x00\x00"
"""The echo answers it with a frame of its own."""


def test_a_session(base: str) -> None:
    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be")):
        session = blocking(f"{base}/br", {})
        assert (session.route, session.endpoint) == ("broker-negotiated", f"{base}/be")
        assert session.negotiated is not None
        assert session.request(ECHO, b"hello", deadline=CLOCK.monotonic() + 5).payload == b"hello"
        stream, rest = session.release()
        assert rest == b""
        stream.sendall(EMPTY_FRAME)
        assert stream.recv(1) == b"\x01"
        stream.close()
        blocking(f"{base}/br", {}).close()


def test_a_session_on_an_event_loop(base: str) -> None:
    async def run() -> None:
        session = await adopted(f"{base}/br", {})
        assert (session.route, session.endpoint) == ("broker-negotiated", f"{base}/be")
        assert session.negotiated is not None
        answer = await session.request(ECHO, b"hello", deadline=asyncio.get_running_loop().time() + 5)
        assert answer.payload == b"hello"
        reader, writer, rest = session.release()
        assert rest == b""
        writer.write(EMPTY_FRAME)
        assert await reader.readexactly(1) == b"\x01"
        writer.close()
        (await adopted(f"{base}/br", {})).close()

    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", negotiating(f"{base}/be")):
        asyncio.run(run())


@pytest.mark.parametrize("which", BOTH)
def test_the_switch_comes_first(which: Which, base: str) -> None:
    def go(environment: Mapping[str, str]) -> None:
        if which == "blocking":
            blocking(f"{base}/br", environment)
        else:
            asyncio.run(adopted(f"{base}/br", environment))

    with scripted(f"{base}/br", negotiating(f"{base}/be")) as broker:
        with pytest.raises(BrokerDisabled):
            go({"RUNNING_PROCESS_DISABLE": "1"})
        with pytest.raises(ConfigError):
            go({"RUNNING_PROCESS_DISABLE": "yes"})
        assert broker.count == 0


def by_name(base: str) -> str:
    path = v2_socket(caller(base).place, USER, "memoryd")
    Path(path).parent.mkdir(parents=True)
    return path


def test_a_program_is_found_by_its_name(base: str) -> None:
    seen: list[Hello] = []

    async def run() -> str:
        loop = asyncio.get_running_loop()
        first = await client_async.connect(caller(base), "memoryd", "1.0.0")
        first.stream.close()
        other = await client_async.connect_with_deadline(
            caller(base), "memoryd", "1.0.0", deadline=loop.time() + 5, service="other"
        )
        other.stream.close()
        return other.route

    path = by_name(base)
    with scripted(f"{base}/be", echoing), scripted(path, negotiating(f"{base}/be", seen=seen)):
        assert asyncio.run(run()) == "broker-negotiated"
        deadline = CLOCK.monotonic() + 5
        found = client_v2.connect(caller(base), "memoryd", "1.0.0", clock=CLOCK, service="third")
        client = FrameClient(found.stream)
        assert client.request(ECHO, b"x", deadline=deadline).payload == b"x"
        client.close()
        last = client_v2.connect_path_with_deadline(
            caller(base), path, "fourth", "2.0.0", clock=CLOCK, deadline=deadline
        )
        last.stream.close()
    assert [hello.service_name for hello in seen] == ["memoryd", "other", "third", "fourth"]
    assert [hello.request_id.rsplit("-", 1)[0] for hello in seen[:3]] == ["client_v2-memoryd"] * 3


def test_nobody_there_by_that_name(base: str) -> None:
    with pytest.raises(BrokerUnreachable):
        client_v2.connect(caller(base), "memoryd", "1.0.0", clock=CLOCK)


@pytest.mark.parametrize("program", ["", "Memoryd", "a/b", "x" * 65, "a\0"])
def test_a_bad_program_is_refused_before_dialling(base: str, program: str) -> None:
    with pytest.raises(BadName):
        client_v2.connect(caller(base), program, "1.0.0", clock=CLOCK)


def test_a_path_too_long_for_a_socket(base: str) -> None:
    with pytest.raises(PathTooLong):
        client_v2.connect(caller(base + "/" + "d" * 60), "m" * 30, "1.0.0", clock=CLOCK)


def test_the_blocking_clients_bring_no_event_loop() -> None:
    """What a short-lived command pays for a client: neither asyncio nor anything of the daemon's."""
    names = ("adopt", "ask", "client_v2", "patience", "protobuf", "wire_v1.manifest", "wire_v2.service")
    code = "import sys, " + ", ".join(f"iapeer_memory.broker.{name}" for name in names)
    code += "; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "iapeer_memory.broker.adopt" in loaded
    heavy = {"asyncio", "mcp", "uvicorn", "starlette", "sqlite3", "pydantic", "google.protobuf", "subprocess", "json"}
    assert loaded & heavy == set()
