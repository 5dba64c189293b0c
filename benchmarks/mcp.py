"""What MCP over HTTP adds: our endpoint beside a bare Starlette application that parses JSON and sends it back.

    python benchmarks/mcp.py [--quick]

Both run on the same server library, each in a process of its own, asked in turn over connections that stay open. The
memory behind the endpoint answers at once, so that only the protocol is timed. Ratios are reported, nothing is a gate.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.wire import Line, request, resident, search, timed  # noqa: E402

if TYPE_CHECKING:
    from iapeer_memory.memoryd.mcp.desk import Desk

KINDS = ("echo", "endpoint", "endpoint and SDK")
AT_ONCE = 8


PING = request("ping")
LIST = request("tools/list")
SEARCH = search("lighthouse keeper")


def application(kind: str, port: int, desk: Desk | None = None) -> Any:
    """The application to serve. `desk`: of the endpoint, else its own."""
    if kind == "echo":
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        async def echo(asked: Request) -> JSONResponse:
            return JSONResponse(await asked.json())

        return Starlette(routes=[Route("/mcp", echo, methods=["POST"])])
    if kind == "endpoint and SDK":
        import mcp.server.lowlevel.server
        import mcp.server.streamable_http_manager  # noqa: F401
    from benchmarks.constant import Timed
    from iapeer_memory.memoryd.front import Front
    from iapeer_memory.memoryd.mcp.http import Endpoint

    async def no_hints(given: Mapping[str, Any]) -> Mapping[str, Any]:
        return given

    return Front(
        port=port,
        health=lambda _: {},
        metrics=str,
        rescan=lambda: None,
        reload=lambda: False,
        dedup=no_hints,
        sessions=list,
        mcp=Endpoint(desk or Timed()),
    )


def server(kind: str, desk: Desk | None = None) -> tuple[uvicorn.Server, socket.socket]:
    """A server, and the listener that it is to be given. `desk`: as of an application."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    served = application(kind, listener.getsockname()[1], desk)
    config = uvicorn.Config(served, log_config=None, access_log=False, lifespan="off", http="h11")
    return uvicorn.Server(config), listener


def serve(kind: str) -> None:
    """Print the port, then answer for ever."""
    served, listener = server(kind)
    print(listener.getsockname()[1], flush=True)
    asyncio.run(served.serve(sockets=[listener]))


@contextmanager
def child(kind: str) -> Iterator[tuple[int, int]]:
    """(pid, port) of a server in a process of its own."""
    with subprocess.Popen([sys.executable, "-I", __file__, "--serve", kind], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            yield run.pid, int(run.stdout.readline())
        finally:
            run.kill()


def latency(echo_port: int, port: int, count: int) -> None:
    """Print percentiles of one connection, each request beside the echo of the same body in the same moments."""
    print(f"{'':22}{'sent':>7}{'got':>7}{'p50 ms':>9}{'ratio':>7}{'p99 ms':>9}{'ratio':>7}{'p99/p50':>9}{'n':>7}")
    for name, body in (("ping", PING), ("tools/list", LIST), ("memory_search", SEARCH)):
        with closing(Line(echo_port)) as bare, closing(Line(port)) as ours:
            size = {"echo": len(bare.post(body)), name: len(ours.post(body))}
            times: dict[str, list[float]] = {"echo": [], name: []}
            for turn in range(count + count // 10):
                took = {"echo": timed(lambda: bare.post(body)), name: timed(lambda: ours.post(body))}  # noqa: B023
                if turn >= count // 10:
                    for key, value in took.items():
                        times[key].append(value)
        base = statistics.quantiles(times["echo"], n=100)
        for key, values in times.items():
            cuts = statistics.quantiles(values, n=100)
            told = "".join(f"{cuts[at] * 1000:9.3f}{cuts[at] / base[at]:7.2f}" for at in (49, 98))
            print(f"{key:22}{len(body):7}{size[key]:7}{told}{cuts[98] / cuts[49]:9.2f}{len(values):7}")


def throughput(name: str, port: int, count: int) -> None:
    """Print requests a second of one connection and of eight."""

    def spent(_: int) -> None:
        with closing(Line(port)) as line:
            for _ in range(count // AT_ONCE):
                line.post(SEARCH)

    single = timed(lambda: list(map(spent, range(AT_ONCE))))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        many = timed(lambda: list(pool.map(spent, range(AT_ONCE))))
    print(f"{name:22}{count / single:12.0f}{count / many:12.0f}")


def main() -> int:
    """Print all tables."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--quick", action="store_true", help="fewer rounds")
    words.add_argument("--serve", choices=KINDS, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.serve is not None:
        serve(given.serve)
    count = 400 if given.quick else 4_000
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(child(kind)) for kind in KINDS}
        ports = {kind: port for kind, (_, port) in servers.items()}
        print("one connection; ratio to the echo of the same request in the same moments")
        latency(ports["echo"], ports["endpoint"], count)
        print(f"\n{'requests a second':22}{'one line':>12}{f'{AT_ONCE} at once':>12}")
        throughput("echo", ports["echo"], count)
        throughput("memory_search", ports["endpoint"], count)
        with closing(Line(ports["endpoint and SDK"])) as line:
            line.post(SEARCH)
        sizes = {kind: resident(pid) for kind, (pid, _) in servers.items()}
    print(f"\n{'resident memory':22}{'MiB':>9}{'ratio':>7}")
    for kind, size in sizes.items():
        print(f"{kind:22}{size:9.1f}{size / sizes['echo']:7.2f}")
    print(f"\nload average: {' '.join(f'{load:.1f}' for load in os.getloadavg())}, {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
