"""What a session adds above its wire: a search over it beside MCP over HTTP, and the stdio bridge beside a bare start.

    python benchmarks/bridge.py [--quick]

A search: one process serves the same tools over HTTP and to sessions; the memory behind them answers at once, and what
the tools take is measured there and taken off each round trip. The bridge: the real command
before a real memoryd, from its start to the answer of `initialize`, in turn with a bare interpreter's start; and its
memory once it has answered. Ratios are gates: exit 1 when one is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from operator import sub
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.constant import Timed  # noqa: E402
from benchmarks.mcp import SEARCH, server  # noqa: E402
from benchmarks.wire import Line, request, resident, timed  # noqa: E402
from iapeer_memory.attach.bodies import Identity  # noqa: E402
from iapeer_memory.attach.bound_route import BoundRoute  # noqa: E402
from iapeer_memory.attach.client import Client  # noqa: E402
from iapeer_memory.attach.manifest import tool_module  # noqa: E402
from iapeer_memory.attach.module import Module  # noqa: E402
from iapeer_memory.attach.serve import RouterServer  # noqa: E402
from iapeer_memory.egress.local_sockets import local_connect, local_listener  # noqa: E402
from iapeer_memory.egress.real import real_door  # noqa: E402
from iapeer_memory.memoryd.attached import HEAD  # noqa: E402
from iapeer_memory.memoryd.tools.asker import Asker  # noqa: E402
from tests.support.daemon import environment, start, write  # noqa: E402

LONG = 60.0
TURN = 100
HELLO = request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "b", "version": "1"})
BRIDGE = (sys.executable, "-I", "-m", "iapeer_memory", "mcp")
BARE = (os.path.realpath(sys.executable), "-I", "-S", "-c", "pass")


async def serve(path: str) -> None:
    """Both ways to one desk, for ever; the port is printed."""
    tools = Timed()

    async def answer(_: BoundRoute, method: str, body: bytes) -> bytes:
        if method == "spent":
            spent, tools.spent = tools.spent, []
            return json.dumps(spent).encode()
        return (await tools.answer(HEAD, body, Asker())).body

    router = RouterServer(real_door().files, uid=os.getuid())
    await router.serve(local_listener(path))
    router.join(Module(tool_module("memory", "0", []), answer))
    http, listener = server("endpoint", tools)
    print(listener.getsockname()[1], flush=True)
    await http.serve(sockets=[listener])


@contextmanager
def child(path: str) -> Iterator[int]:
    """The port of that server, in a process of its own."""
    with subprocess.Popen([sys.executable, __file__, "--serve", path], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            yield int(run.stdout.readline())
        finally:
            run.kill()


def searches(path: str, port: int, count: int) -> float:
    """What a session adds to a search / what HTTP adds, of the medians. They take turns of 100, so that each waits for
    what it has left behind itself."""
    door = real_door()
    session = Client(lambda end: local_connect(path, deadline=end), door.clock, Identity("/", "bench", "s"))
    line = Line(port)
    asks = {"a session": lambda: session.request(SEARCH, within=LONG), "HTTP": lambda: line.post(SEARCH)}
    whole: dict[str, list[float]] = {name: [] for name in asks}
    inside: dict[str, list[float]] = {name: [] for name in asks}
    with closing(session), closing(line):
        for turn in range(1 + count // TURN):
            for name, ask in asks.items():
                times = [timed(ask) for _ in range(TURN)]
                spent = json.loads(session.request(request("spent"), within=LONG))
                if turn:
                    whole[name] += times
                    inside[name] += spent
    print(f"{'a search':32}{'round trip ms':>16}{'in the tools':>16}{'added':>16}")
    added: dict[str, float] = {name: statistics.median(map(sub, whole[name], inside[name])) for name in asks}
    for name in asks:
        figures = statistics.median(whole[name]), statistics.median(inside[name]), added[name]
        print(f"{'over ' + name:32}{''.join(f'{value * 1000:16.3f}' for value in figures)}")
    return added["a session"] / added["HTTP"]


def bridge(env: dict[str, str]) -> tuple[float, float]:
    """(seconds from the start to the answer of `initialize`, MB once it has answered)."""
    began = time.perf_counter()
    with subprocess.Popen(BRIDGE, env=env, cwd=env["HOME"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdin is not None and run.stdout is not None
        run.stdin.write(HELLO + b"\n")
        run.stdin.flush()
        answer = run.stdout.readline()
        took, held = time.perf_counter() - began, resident(run.pid)
        run.stdin.close()
    if b'"serverInfo"' not in answer:
        raise SystemExit(f"the bridge answered {answer[:200]!r}")
    return took, held


def bridges(home: Path, rounds: int) -> tuple[float, float]:
    """The bridge's start / a bare interpreter's, of the medians; and the most MB that a bridge held."""
    write(home / "vault", "01_Knowledge/Harbour.md", "Seven gannets.\n")
    env = environment(home, home / "vault")
    bare, started, held = [], [], []
    with start(home, home / "vault", cold=True):
        for _ in range(rounds):
            bare.append(timed(lambda: subprocess.run(BARE, env=env, check=True)))
            took, size = bridge(env)
            started.append(took)
            held.append(size)
    base, ours = statistics.median(bare), statistics.median(started)
    print(f"{'a bare interpreter':44}{base * 1000:10.1f} ms")
    print(f"{'the bridge, to the answer of initialize':44}{ours * 1000:10.1f} ms")
    print(f"{'the bridge, resident':44}{max(held):10.1f} MB")
    return ours / base, max(held)


def main() -> int:
    """Run it all and print; 1 when a claim does not hold."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--quick", action="store_true", help="fewer rounds")
    words.add_argument("--serve", metavar="PATH", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve))
    with tempfile.TemporaryDirectory(prefix="iam-") as folder:
        with child(f"{folder}/s") as port:
            added = searches(f"{folder}/s", port, 400 if given.quick else 4_000)
        began, held = bridges(Path(folder, "home"), 15 if given.quick else 60)
    claims = {
        f"a session adds / HTTP adds: {added:.2f}, at most 0.4": added <= 0.4,
        f"the bridge's start / a bare one: {began:.2f}, at most 4": began <= 4,
        f"the bridge's memory: {held:.1f} MB, at most 25": held <= 25,
    }
    print()
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS':7}{claim}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
