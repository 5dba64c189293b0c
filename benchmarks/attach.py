"""What a bound route costs: our router beside a bare asyncio echo of the same bytes, in the same run.

    python benchmarks/attach.py [--quick]

Everything is a Unix socket, every server a process of its own; the turns of the two alternate. `joined` is memoryd's
own shape, router and module in one process; `apart` is the broker's, where each request takes two sockets. The bare
client writes each question as it is asked; beside it stands one that joins what is asked at once, by which no claim is
measured. Ratios are gates, exit 1 when one is broken: echo p50 at most 2.5 times bare, attach and detach at most 8
times an echo, at least a third of the bare echo's calls a second in either shape, a call of 2 s adds at most 5 ms to
another session's p99, 1,000 sessions at most 60 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.wire import resident  # noqa: E402
from iapeer_memory.attach.bodies import Identity  # noqa: E402
from iapeer_memory.attach.bound_route import BoundRoute  # noqa: E402
from iapeer_memory.attach.client import Client  # noqa: E402
from iapeer_memory.attach.client_async import AsyncClient, AsyncSession  # noqa: E402
from iapeer_memory.attach.envelope import REQUEST, encoded  # noqa: E402
from iapeer_memory.attach.line import Line  # noqa: E402
from iapeer_memory.attach.manifest import tool_module  # noqa: E402
from iapeer_memory.attach.module import Module  # noqa: E402
from iapeer_memory.attach.serve import RouterServer  # noqa: E402
from iapeer_memory.egress.local_sockets import local_connect, local_listener  # noqa: E402
from iapeer_memory.egress.local_transports import connect_transport, serve_transports  # noqa: E402
from iapeer_memory.egress.real import real_door  # noqa: E402

BODY = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
SLOW = b'{"jsonrpc":"2.0","id":1,"method":"slow"}'
FRAME = encoded(REQUEST, 1, 1, BODY, flags=2)
AT_ONCE = 32
ROUND = 0.1
LONG = 600.0
Ask = Callable[[], Awaitable[object]]


class Echo(asyncio.Protocol):
    """The bare server: every byte back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Bare(asyncio.Protocol):
    """The bare client: sends a frame, and takes as many bytes for its answer. `joining`: what is asked in one turn of
    the loop goes out in one write."""

    def __init__(self, *, joining: bool = False) -> None:
        self._joining = joining
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._come = 0
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._come += len(data)
        while self._come >= len(FRAME):
            self._come -= len(FRAME)
            self._waiting.popleft().set_result(None)

    async def ask(self) -> None:
        """One echo."""
        answer: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(answer)
        if not self._joining:
            self._transport.write(FRAME)
        else:
            if not self._out:
                self._loop.call_soon(self._flush)
            self._out.append(FRAME)
        await answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def _flush(self) -> None:
        self._transport.write(b"".join(self._out))
        self._out.clear()


async def handle(_: BoundRoute, method: str, body: bytes) -> bytes:
    """The module: an echo, and a call that takes two seconds."""
    if method == "slow":
        await asyncio.sleep(2)
    return body


async def serve(kind: str, path: str) -> None:
    """One of the servers, for ever."""
    manifest = tool_module("memory", "1", [], concurrency="stateless_parallel")
    if kind == "bare":
        await serve_transports(local_listener(path), Echo)
    elif kind == "module":
        module = Module(manifest, handle)
        await connect_transport(path, lambda: module, deadline=asyncio.get_running_loop().time() + 10)
        await module.registered()
    else:
        server = RouterServer(real_door().files, uid=os.getuid())
        await server.serve(local_listener(path))
        if kind == "joined":
            module = Module(manifest, handle)
            server.join(module)
            await module.registered()
    print("ready", flush=True)
    await asyncio.Event().wait()


@contextmanager
def child(kind: str, path: str) -> Iterator[int]:
    """The pid of a server that is ready."""
    argv = [sys.executable, __file__, "--serve", kind, path]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            assert run.stdout.readline() == "ready\n"
            yield run.pid
        finally:
            run.kill()


def client_of(path: str) -> AsyncClient:
    """A client on this loop."""

    async def connect(factory: Callable[[], Line], end: float) -> Line:
        return (await connect_transport(path, factory, deadline=end))[1]

    return AsyncClient(connect)


def session_of(client: AsyncClient, name: str = "s") -> AsyncSession:
    """A session of it."""
    return client.session(Identity("/", "bench", name))


async def bare_of(path: str, *, joining: bool = False) -> Bare:
    """A bare client."""
    end = asyncio.get_running_loop().time() + 10
    return (await connect_transport(path, lambda: Bare(joining=joining), deadline=end))[1]


async def took(ask: Ask) -> float:
    """Seconds."""
    began = time.perf_counter()
    await ask()
    return time.perf_counter() - began


def row(name: str, values: list[float], base: list[float]) -> float:
    """Print percentiles in microseconds and their ratios to the base; the ratio of the medians."""
    cuts, bases = statistics.quantiles(values, n=100), statistics.quantiles(base, n=100)
    ratios = cuts[49] / bases[49], cuts[98] / bases[98]
    print(f"{name:32}{cuts[49] * 1e6:10.0f}{ratios[0]:8.2f}{cuts[98] * 1e6:10.0f}{ratios[1]:8.2f}{len(values):8}")
    return ratios[0]


async def latency(paths: dict[str, str], count: int) -> dict[str, float]:
    """One caller on a loop, then one that waits; each beside the bare echo in the same moments."""
    print(f"\n{'':32}{'p50 us':>10}{'ratio':>8}{'p99 us':>10}{'ratio':>8}{'n':>8}")
    bare = await bare_of(paths["bare"])
    clients = {kind: client_of(paths[kind]) for kind in ("joined", "apart")}
    sessions = {kind: session_of(client) for kind, client in clients.items()}
    asks: dict[str, Ask] = {"bare": bare.ask}
    asks |= {kind: (lambda one=one: one.request(BODY, within=LONG)) for kind, one in sessions.items()}  # type: ignore[misc]
    times: dict[str, list[float]] = {kind: [] for kind in asks}
    for turn in range(count + count // 10):
        for kind, ask in asks.items():
            spent = await took(ask)
            if turn >= count // 10:
                times[kind].append(spent)
    ratios = {f"echo, {kind}": row(f"echo on a loop, {kind}", values, times["bare"]) for kind, values in times.items()}

    async def attach(one: AsyncSession) -> None:
        one.end()
        await one.attach(asyncio.get_running_loop().time() + LONG)

    attaching: list[float] = []
    for _ in range(count // 4):
        attaching.append(await took(lambda: attach(sessions["joined"])))
    ratios["attach and detach"] = row("attach and detach, joined", attaching, times["bare"])
    for client in clients.values():
        client.close()
    bare.close()
    return ratios


def waiting(paths: dict[str, str], count: int) -> None:
    """A caller without a loop, beside a bare blocking socket."""
    stream = local_connect(paths["bare"], deadline=time.monotonic() + 10)
    stream.settimeout(10)

    def bare() -> None:
        stream.sendall(FRAME)
        left = len(FRAME)
        while left:
            left -= len(stream.recv(left))

    client = Client(
        lambda end: local_connect(paths["joined"], deadline=end), real_door().clock, Identity("/", "bench", "w")
    )  # fmt: skip
    times: dict[str, list[float]] = {"bare": [], "joined": []}
    for turn in range(count + count // 10):
        for kind, ask in (("bare", bare), ("joined", lambda: client.request(BODY, within=LONG))):
            began = time.perf_counter()
            ask()
            if turn >= count // 10:
                times[kind].append(time.perf_counter() - began)
    for kind, values in times.items():
        row(f"echo that waits, {kind}", values, times["bare"])
    client.close()
    stream.close()


async def rate(asks: list[Ask], seconds: float) -> float:
    """Calls a second, when each asks again and again, one after the other."""
    began = time.perf_counter()
    end = began + seconds

    async def one(ask: Ask) -> int:
        calls = 0
        while time.perf_counter() < end:
            await ask()
            calls += 1
        return calls

    return sum(await asyncio.gather(*(one(ask) for ask in asks))) / (time.perf_counter() - began)


async def throughput(paths: dict[str, str], rounds: int) -> dict[str, float]:
    """32 calls at once, over one connection and over 32; the best of many short rounds, taken in turn."""
    print(f"\n{'':44}{'calls/s':>10}{'ratio':>8}")
    ratios = {}
    for name, connections in (("one client, 32 at once", 1), ("32 clients", AT_ONCE)):
        closing: list[Bare | AsyncClient] = []
        asks: dict[str, list[Ask]] = {}
        for kind, joining in (("bare", False), ("bare, joined writes", True)):
            bares = [await bare_of(paths["bare"], joining=joining) for _ in range(connections)]
            closing += bares
            asks[kind] = [bares[at % connections].ask for at in range(AT_ONCE)]
        for kind in ("joined", "apart"):
            clients = [client_of(paths[kind]) for _ in range(connections)]
            closing += clients
            sessions = [session_of(client, f"t{at}") for at, client in enumerate(clients)]
            asks[kind] = [
                (lambda one=sessions[at % connections]: one.request(BODY, within=LONG))  # type: ignore[misc]
                for at in range(AT_ONCE)
            ]
        for many in asks.values():
            await rate(many, ROUND)  # attached by now
        best = dict.fromkeys(asks, 0.0)
        for _ in range(rounds):
            for kind, many in asks.items():
                best[kind] = max(best[kind], await rate(many, ROUND))
        for kind, calls in best.items():
            ratios[f"{name}, {kind}"] = calls / best["bare"]
            print(f"{name + ', ' + kind:44}{calls:10.0f}{calls / best['bare']:8.2f}")
        for one in closing:
            one.close()
    return ratios


async def beside_a_slow_call(path: str, rounds: int) -> float:
    """Milliseconds that a call of two seconds adds to another session's p99."""
    first, second = client_of(path), client_of(path)
    slow, quick = session_of(first, "slow"), session_of(second, "quick")
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for busy in (False, True):
            call = asyncio.ensure_future(slow.request(SLOW, within=LONG)) if busy else None
            end = time.perf_counter() + 2
            while time.perf_counter() < end:
                times[busy].append(await took(lambda: quick.request(BODY, within=LONG)))
            if call is not None:
                await call
    first.close()
    second.close()
    added = statistics.quantiles(times[True], n=100)[98] - statistics.quantiles(times[False], n=100)[98]
    return added * 1000


async def memory(path: str, pid: int, count: int) -> tuple[float, float]:
    """MB of the router's process before and with so many sessions, a connection each, all of which have asked."""
    before = resident(pid)
    clients = [client_of(path) for _ in range(count)]
    for at in range(0, count, 50):
        await asyncio.gather(
            *(session_of(one, f"m{at}").request(BODY, within=LONG) for one in clients[at : at + 50])
        )  # fmt: skip
    held = resident(pid)
    for client in clients:
        client.close()
    return before, held


def main() -> int:
    """Run it all and print; 1 when a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("KIND", "PATH"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(*given.serve))
        return 0
    count, rounds = (500, 10) if given.quick else (5000, 60)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="iam-"))
        paths = {kind: f"{folder}/{kind}" for kind in ("bare", "joined", "apart")}
        stack.enter_context(child("bare", paths["bare"]))
        stack.enter_context(child("joined", paths["joined"]))
        stack.enter_context(child("router", paths["apart"]))
        stack.enter_context(child("module", paths["apart"]))
        ratios = asyncio.run(latency(paths, count))
        waiting(paths, count)
        ratios |= asyncio.run(throughput(paths, rounds))
        added = asyncio.run(beside_a_slow_call(paths["joined"], 1 if given.quick else 5))
        with child("router", f"{folder}/m") as pid, child("module", f"{folder}/m"):
            before, held = asyncio.run(memory(f"{folder}/m", pid, 1000))
    print(f"\na call of 2 s adds to another session's p99: {added:.2f} ms")
    print(f"the router's process: {before:.1f} MB, with 1,000 sessions {held:.1f} MB")
    claims = {
        "echo p50, joined, at most 2.5": ratios["echo, joined"] <= 2.5,
        "attach and detach at most 8": ratios["attach and detach"] <= 8,
        **{
            f"{name}, {kind}, at least 1/3": ratios[f"{name}, {kind}"] >= 1 / 3
            for name in ("one client, 32 at once", "32 clients")
            for kind in ("joined", "apart")
        },
        "a slow call adds at most 5 ms": added <= 5,
        "1,000 sessions at most 60 MB": held <= 60,
    }
    print()
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS':7}{claim}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
