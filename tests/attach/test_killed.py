"""Real processes, killed at random: nothing of them is left in the router, and nobody else hears a wrong answer."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from iapeer_memory.attach.bodies import Identity
from iapeer_memory.attach.serve import RouterServer
from iapeer_memory.egress.local_sockets import local_listener
from iapeer_memory.egress.real import real_door
from tests.support.attached import SOON, client_at, socket_folder
from tests.support.brokered import wait_for

ROOT = Path(__file__).resolve().parents[2]
LENGTHS = [3, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(180)])]


class Child:
    """A process of ours that is killed without a word."""

    def __init__(self, *words: str) -> None:
        self.out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        argv = [sys.executable, "-m", "tests.support.attached", *words]
        self.run = subprocess.Popen(argv, cwd=ROOT, stdout=self.out, stderr=subprocess.STDOUT)

    def said(self) -> Counter[str]:
        """What it has said so far, by line; the last one may be cut."""
        fd = self.out.fileno()
        return Counter(os.pread(fd, os.fstat(fd).st_size, 0).decode().splitlines()[:-1])

    def kill(self) -> Counter[str]:
        """End it: what it has said."""
        self.run.kill()
        self.run.wait(SOON)
        told = self.said()
        self.out.close()
        return told


@contextmanager
def children() -> Iterator[list[Child]]:
    """They are gone at the end, however that comes."""
    started: list[Child] = []
    try:
        yield started
    finally:
        for child in started:
            if child.run.poll() is None:
                child.run.kill()
                child.run.wait(SOON)


EXPECTED = {"ok", "OutcomeUnknown", "Refused", "NotSent"}
"""What a client may hear while modules and routers die. `WRONG`, or an error of any other kind, is a fault."""


@pytest.mark.parametrize("seconds", LENGTHS)
def test_clients_and_modules_die(seconds: float) -> None:
    dice = random.Random(5)
    said: Counter[str] = Counter()

    async def told() -> None:
        nonlocal said
        with socket_folder() as folder, children() as started:
            path = f"{folder}/s"
            server = RouterServer(real_door().files, uid=os.getuid())
            await server.serve(local_listener(path))
            before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
            module = Child("serve", path, "module")
            clients = [Child("ask", path, folder) for _ in range(4)]
            started += [module, *clients]
            end = time.monotonic() + seconds
            killed = 0
            while time.monotonic() < end:
                await asyncio.sleep(dice.uniform(0.02, 0.3))
                if dice.random() < 0.3:
                    module.kill()
                    module = Child("serve", path, "module")
                    started.append(module)
                else:
                    at = dice.randrange(len(clients))
                    said += clients[at].kill()
                    clients[at] = Child("ask", path, folder)
                    started.append(clients[at])
                killed += 1
            # Whoever lives on is served by the module that lives on.
            calls = sum(one.calls for one in server.sessions())
            async with asyncio.timeout(SOON):
                while sum(one.calls for one in server.sessions()) <= calls + 100:
                    await asyncio.sleep(0.02)
            for child in clients:
                said += child.kill()
            module.kill()
            async with asyncio.timeout(SOON):
                while any(server.router.counts().values()):
                    await asyncio.sleep(0.01)
            assert killed >= 5
            if before:
                # The pool's threads hold none, a connection holds one each.
                assert len(os.listdir("/proc/self/fd")) <= before + 1
            await server.close()

    asyncio.run(told())
    assert said["ok"] > 0
    assert set(said) <= EXPECTED, said


@pytest.mark.parametrize("seconds", LENGTHS)
def test_the_router_dies(seconds: float) -> None:
    """Its clients live through that: they attach again, and no question is answered wrongly."""
    dice = random.Random(6)

    async def one_call(path: str) -> None:
        client = client_at(path)
        session = client.session(Identity("/", "test", "s"))
        assert await session.request(b"x", within=SOON) == b"x"
        client.close()

    with socket_folder() as folder, children() as started:
        path = f"{folder}/s"
        router = Child("serve", path)
        clients = [Child("ask", path, folder) for _ in range(3)]
        started += [router, *clients]
        wait_for(lambda: all(client.said()["ok"] for client in clients))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            asyncio.run(one_call(path))
            time.sleep(dice.uniform(0, 0.2))
            router.kill()
            router = Child("serve", path)
            started.append(router)
        before = [client.said()["ok"] for client in clients]
        wait_for(lambda: all(client.said()["ok"] > ok for client, ok in zip(clients, before, strict=True)))
        assert [client.run.poll() for client in clients] == [None] * 3
        said = sum((client.kill() for client in clients), Counter[str]())
        assert set(said) <= EXPECTED, said
        router.kill()
