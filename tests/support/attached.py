"""A router on a real socket, a module joined to it, and clients: what the tests of the shells share.

python -m tests.support.attached serve SOCKET             a router and an echoing module
python -m tests.support.attached serve SOCKET module      the module alone, for a router that is there
python -m tests.support.attached ask SOCKET ROOT           attaches, asks for ever, prints a line an answer
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType

from iapeer_memory.attach.bodies import Identity, Tier, attach_request
from iapeer_memory.attach.bound_route import Answer, BoundRoute, Vet
from iapeer_memory.attach.client import Client
from iapeer_memory.attach.client_async import AsyncClient, AsyncSession
from iapeer_memory.attach.envelope import INTERACTIVE, REQUEST, Frame, encoded
from iapeer_memory.attach.errors import Refused
from iapeer_memory.attach.line import Line
from iapeer_memory.attach.manifest import tool_module
from iapeer_memory.attach.module import Module, welcome
from iapeer_memory.attach.once import Once
from iapeer_memory.attach.reader import FrameReader
from iapeer_memory.attach.serve import RouterServer
from iapeer_memory.egress.local_sockets import local_connect, local_listener
from iapeer_memory.egress.local_transports import connect_transport
from iapeer_memory.egress.real import real_door

SOON = 20.0
"""Seconds after which a test is taken to hang. Nothing is timed by it."""


@contextmanager
def socket_folder() -> Iterator[str]:
    """A folder with a short path: a socket's may have some 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="iam-") as folder:
        yield folder


class Tools:
    """What the module of the tests can do, by method. `held`: requests that wait until `let_go` is called."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bytes]] = []
        self.gone: list[BoundRoute] = []
        self.log: list[str] = []
        self.cancelled = 0
        self.held = 0
        self._go = asyncio.Event()

    def let_go(self) -> None:
        """Everything that is held, and whatever asks to be held from now on, is answered."""
        self._go.set()

    async def answer(self, route: BoundRoute, method: str, body: bytes) -> Answer:
        """The handler."""
        self.done.append((method, body))
        if method == "hold":
            self.held += 1
            try:
                await self._go.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        elif method == "refuse":
            raise Refused("not_today", "ask tomorrow", {"when": "tomorrow"})
        elif method == "refuse oddly":
            raise Refused("odd", "half \ud800", {"what": self, "half": "\ud800"})
        elif method == "break":
            raise KeyError("secret")
        elif method == "stream":
            return pieces(json.loads(body)["count"])
        elif method == "broken stream":
            return broken_pieces()
        elif method == "push":
            for other in route._module.routes.values():
                other.push(b"to everybody")
        elif method == "who":
            tiers = [[tier.tier, tier.source, tier.doc] for tier in route.tiers]
            identity = route.identity
            return json.dumps([identity.root, identity.harness, identity.session, tiers]).encode()
        elif method == "status":
            route.status("indexing")
        elif method == "end":
            route.end()
        elif method == "large":
            return b"x" * int(json.loads(body)["count"])
        return body


async def pieces(count: int) -> AsyncIterator[bytes]:
    """So many."""
    for number in range(count):
        yield b"%d" % number
        await asyncio.sleep(0)


async def broken_pieces() -> AsyncIterator[bytes]:
    """One, and no more."""
    yield b"0"
    raise KeyError("secret")


class Served:
    """A router and a module in this process."""

    def __init__(self, folder: str, *, vet: Vet = welcome, concurrency: str = "module_managed") -> None:
        self.folder = folder
        self.path = f"{folder}/s"
        self.tools = Tools()
        self.once = Once()
        self.vet = vet
        self.manifest = tool_module("memory", "1", [], concurrency=concurrency)
        self.server = RouterServer(real_door().files, uid=os.getuid())
        self.module: Module | None = None
        self._own: list[AsyncClient] = []

    async def start(self, *, joined: bool = True) -> None:
        """Serve, with the module joined or over the socket."""
        await self.server.serve(local_listener(self.path))
        await self.register(joined=joined)

    async def register(self, *, joined: bool = True) -> Module:
        """A new module, as after a restart."""
        self.module = self.make()
        if joined:
            self.server.join(self.module)
        else:
            end = asyncio.get_running_loop().time() + SOON
            module = self.module
            await connect_transport(self.path, lambda: module, deadline=end)
        await self.module.registered()
        return self.module

    def make(self) -> Module:
        """A module that is not connected."""
        tools = self.tools
        return Module(
            self.manifest, tools.answer, vet=self.vet, gone=tools.gone.append, once=self.once, log=tools.log.append
        )

    async def settled(self, ready: Callable[[], bool]) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(SOON / 2):
                while not ready():
                    await asyncio.sleep(0.002)
        except TimeoutError:
            module = self.module
            inside = module and (module.routes, module._answering, module._vetting)
            raise AssertionError(f"it does not come to that: {self.server.router.counts()}, {inside}") from None

    def empty(self) -> bool:
        """Whether nothing of any session is left, on either side."""
        counts = self.server.router.counts()
        left = {name: count for name, count in counts.items() if name not in ("connections", "modules")}
        module = self.module
        inside = module is not None and (module.routes or module._answering or module._vetting)
        return not any(left.values()) and not inside

    def client(self) -> AsyncClient:
        """A client on the loop."""
        return client_at(self.path)

    def session(
        self, client: AsyncClient, name: str = "s1", *tiers: Tier, pushed: Callable[[bytes], None] = lambda _: None
    ) -> AsyncSession:
        """A session of it."""
        return client.session(Identity(self.folder, "codex", name), lambda: tiers, pushed=pushed)

    def own(self, name: str = "s1", *tiers: Tier) -> AsyncSession:
        """A session over a client of its own, which `hang_up` closes."""
        self._own.append(self.client())
        return self.session(self._own[-1], name, *tiers)

    def hang_up(self) -> None:
        """Close the clients of all such sessions."""
        for client in self._own:
            client.close()


def client_at(path: str) -> AsyncClient:
    """A client of that socket, on the loop."""

    async def connect(factory: Callable[[], Line], end: float) -> Line:
        return (await connect_transport(path, factory, deadline=end))[1]

    return AsyncClient(connect)


def waiting_client(path: str, root: str, name: str = "s1", *tiers: Tier, attempts: int = 6) -> Client:
    """A client that waits."""
    return Client(
        lambda end: local_connect(path, deadline=end),
        real_door().clock,
        Identity(root, "claude-code", name),
        lambda: tiers,
        attempts=attempts,
    )


@asynccontextmanager
async def serving(
    *, vet: Vet = welcome, concurrency: str = "module_managed", joined: bool = True
) -> AsyncIterator[Served]:
    """A router and a module; everything is taken down at the end."""
    with socket_folder() as folder:
        served = Served(folder, vet=vet, concurrency=concurrency)
        await served.start(joined=joined)
        try:
            yield served
        finally:
            await served.server.close()
            await asyncio.sleep(0.01)


class Raw:
    """A connection on which a test says what it likes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._frames: list[Frame] = []
        self._reader = FrameReader()

    async def __aenter__(self) -> Raw:
        self.reader, self.writer = await asyncio.open_unix_connection(self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    def say(self, kind: int, channel: int, corr: int, body: bytes = b"", flags: int = 0) -> None:
        """Send a frame."""
        self.writer.write(encoded(kind, channel, corr, body, flags=flags))

    async def hear(self) -> Frame | None:
        """The next frame; None where the router has hung up."""
        async with asyncio.timeout(SOON):
            while not self._frames:
                try:
                    data = await self.reader.read(1 << 16)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._frames += self._reader.feed(data)
        return self._frames.pop(0)

    async def attach(self, root: str, name: str = "raw", *tiers: Tier) -> int:
        """A route."""
        self.say(REQUEST, 0, 7, attach_request(Identity(root, "raw", name), tiers), INTERACTIVE)
        answer = await self.hear()
        assert answer is not None
        return int(json.loads(answer.body)["route_channel"])


def ask(method: str, **more: object) -> bytes:
    """A request's body."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, **more}).encode()


async def serve_for_ever(path: str, router: str | None) -> None:
    """A process of its own."""
    manifest = tool_module("memory", "1", [])

    async def echo(route: BoundRoute, method: str, body: bytes) -> Answer:
        await asyncio.sleep(0.001)
        return body

    if router is None:
        server = RouterServer(real_door().files, uid=os.getuid())
        await server.serve(local_listener(path))
        server.join(Module(manifest, echo))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    while True:
        module = Module(manifest, echo)
        try:
            await connect_transport(path, lambda: module, deadline=asyncio.get_running_loop().time() + 1)  # noqa: B023
            await module.registered()
            await module.closed()
        except (OSError, Refused):
            await asyncio.sleep(0.01)


def ask_for_ever(path: str, root: str) -> None:
    """A process of its own: one line an answer or a failure."""
    client = waiting_client(path, root, str(os.getpid()))
    number = 0
    while True:
        number += 1
        body = ask("echo", number=number)
        try:
            told = "ok" if client.request(body, within=SOON) == body else "WRONG"
        except Exception as error:
            told = type(error).__name__
        sys.stdout.write(told + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if sys.argv[1] == "serve":
        asyncio.run(serve_for_ever(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
    ask_for_ever(sys.argv[2], sys.argv[3])
