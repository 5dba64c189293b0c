"""The process around the decisions: options, looks at the host, and lines over real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.host_identity import MACHINE_FILES
from iapeer_memory.broker.http.port import parsed
from iapeer_memory.broker.sid import sid_hash
from iapeer_memory.broker.spawn.environment import Account
from iapeer_memory.brokerd import look
from iapeer_memory.brokerd.ground import survey
from iapeer_memory.brokerd.options import (
    HELLO_TIMEOUT,
    HELLO_TIMEOUT_MS,
    MAX_INFLIGHT,
    MOST_OPEN,
    OWNED_BIND,
    Options,
    limits,
)
from iapeer_memory.brokerd.serve import Line
from iapeer_memory.domain.door import Door
from iapeer_memory.egress.through import ThroughFiles


@pytest.mark.parametrize(
    ("env", "seconds", "most", "hands_down"),
    [
        ({}, HELLO_TIMEOUT_MS / 1_000, MOST_OPEN, True),
        ({HELLO_TIMEOUT: " 250 ", MAX_INFLIGHT: "9", OWNED_BIND: "0"}, 0.25, 9, False),
        ({HELLO_TIMEOUT: "0", MAX_INFLIGHT: "-1", OWNED_BIND: ""}, HELLO_TIMEOUT_MS / 1_000, MOST_OPEN, True),
        ({HELLO_TIMEOUT: "1e3", MAX_INFLIGHT: "9" * 30, OWNED_BIND: "no"}, HELLO_TIMEOUT_MS / 1_000, MOST_OPEN, True),
    ],
)
def test_what_the_environment_may_change(env: dict[str, str], seconds: float, most: int, hands_down: bool) -> None:
    found = limits(env)
    assert (found.hello_seconds, found.connections, found.hands_down.value) == (seconds, most, hands_down)
    assert found.hello_timeout_ms.source == (f"env:{HELLO_TIMEOUT}" if seconds == 0.25 else "default")


def test_what_a_broker_is_called() -> None:
    user = "0123456789abcdef"
    assert Options().leaf(user) == "rpb-v1-0123456789abcdef-inst-memoryd"
    assert Options(instance="").leaf(user) == "rpb-v1-0123456789abcdef-shared"
    assert (Options().called, Options(instance="").called) == ("explicit:memoryd", "shared")
    assert Options(http=parsed("0")).http is not None


class NoMachineId(ThroughFiles):
    """Files of a host that has none."""

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        return None if path in MACHINE_FILES else super().read_optional(path, limit=limit)


def test_a_machine_without_an_id_goes_by_its_boot(door: Door) -> None:
    """Whoever asks in the same boot finds the same broker."""
    bare, me = replace(door, files=NoMachineId(door.files)), Account("ann", "/home/ann")
    found = survey(bare, me, uid=501, platform="linux")
    assert found.boot and found.user == sid_hash(501, f"boot:{found.boot}")
    assert survey(bare, me, uid=501, platform="linux").user == found.user


def test_looks_at_the_host(door: Door, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    counted = look.connections_to(door.files)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        try:
            listener.bind(path)
        except OSError:
            pytest.skip("the folder of this test is too long for a socket")
        listener.listen()
        assert counted(path) == 0
        client.connect(path)
        assert counted(path) == 1
        served, _ = listener.accept()
        assert counted(path) == 1
        served.close()
        assert counted(path) == 0
    assert 0.0 < look.fd_usage(door.files)() < 1.0
    assert look.soft_limit("Max open files            1024                 4096                 files\n") == 1024
    assert look.soft_limit("Max open files            unlimited            unlimited            files\n") == 0
    health = look.inodes(str(tmp_path / "not" / "there"))()
    assert health is None or health.total >= health.free


class Talk:
    """Answers once it has so many bytes."""

    def __init__(self, line: Line, wanted: int, answer: bytes, refuses: bool) -> None:
        self.line = line
        self.wanted = wanted
        self.answer = answer
        self.refuses = refuses
        self.said: list[str] = []

    def received(self, data: bytes) -> bool:
        self.said.append(f"{len(data)}")
        self.wanted -= len(data)
        if self.wanted > 0:
            return True
        (self.line.refuse if self.refuses else self.line.answer)(self.answer)
        return self.refuses

    def ended(self) -> None:
        self.said.append("ended")
        self.line.answer(None)

    def late(self) -> None:
        self.said.append("late")
        self.line.answer(b"late")


async def one_line(
    client_sends: bytes, wanted: int, answer: bytes, refuses: bool, seconds: float = 5.0
) -> tuple[bytes, list[str], int]:
    """(what the client got, what the conversation saw, how often `closed` was called)."""
    ours, theirs = socket.socketpair()
    closed: list[Line] = []
    ours.setblocking(False)
    line = Line(ours, closed.append)
    talk = Talk(line, wanted, answer, refuses)

    def client() -> bytes:
        with theirs:
            theirs.settimeout(20)
            theirs.sendall(client_sends)
            got = b""
            while data := theirs.recv(1 << 20):
                got += data
            return got

    line.open(talk, seconds)
    got = await asyncio.to_thread(client)
    while not closed:
        await asyncio.sleep(0.005)
    assert ours.fileno() == -1
    return got, talk.said, len(closed)


BIG = os.urandom(3 << 20)


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("answer", [b"yes", BIG], ids=["small", "big"])
def test_a_line_writes_everything_and_closes_once(answer: bytes, refuses: bool) -> None:
    got, _, closed = asyncio.run(one_line(b"hello", 5, answer, refuses))
    assert got == answer and closed == 1


def test_a_refusal_reaches_a_client_that_sends_on() -> None:
    got, _, closed = asyncio.run(one_line(BIG, 1, b"no", refuses=True))
    assert (got, closed) == (b"no", 1)


def test_a_line_that_waits_in_vain() -> None:
    got, said, closed = asyncio.run(one_line(b"hell", 5, b"", refuses=False, seconds=0.05))
    assert (got, said[-1], closed) == (b"late", "late", 1)


def test_a_conversation_that_fails_ends_its_line_alone() -> None:
    async def run() -> tuple[int, list[str]]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        closed: list[Line] = []
        failures: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, c: failures.append(type(c["exception"]).__name__))
        line = Line(ours, closed.append)

        class Fails(Talk):
            def received(self, data: bytes) -> bool:
                raise ZeroDivisionError

        line.open(Fails(line, 1, b"", refuses=False), 5.0)
        theirs.send(b"x")
        while not closed:
            await asyncio.sleep(0.005)
        theirs.close()
        await asyncio.sleep(0)
        return len(closed), failures

    assert asyncio.run(run()) == (1, ["ZeroDivisionError"])
