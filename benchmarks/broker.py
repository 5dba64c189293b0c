"""What a Hello costs: the broker beside a raw asyncio Unix-socket echo of the same bytes.

    python benchmarks/broker.py [--quick]

One connection is one Hello, so one connection is one echo. Both servers run in processes of their own and are asked in
turn, in the same moments. The broker has one backend, found once; its rate limiter is off. Exit 1 when a ratio is over
its gate; absolute times are reported and gate nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.wire import resident, timed  # noqa: E402
from iapeer_memory.broker.protobuf import encode  # noqa: E402
from iapeer_memory.broker.wire_v1.control import Hello  # noqa: E402
from iapeer_memory.broker.wire_v1.frame import CONTROL, request  # noqa: E402
from iapeer_memory.broker.wire_v1.framing import framed  # noqa: E402
from tests.support.brokered import broker, ground, wait_for  # noqa: E402

SERVICE, VERSION = "bench", "1.2.3"
HELLO = framed(
    encode(
        request(
            CONTROL,
            encode(
                Hello(
                    client_min_protocol=1,
                    client_max_protocol=1,
                    service_name=SERVICE,
                    wanted_version=VERSION,
                    request_id="hello",
                    client_lib_name="iapeer-memory",
                    client_lib_version="1",
                )
            ),
            1,
        )
    )
)
PROCESSES, THREADS = 4, 8
STARTERS = 64
GATES = {"p50": 4.0, "tail": 5.0, "throughput": 0.5, "resident": 2.5}
"""tail is p99 to p50."""
BARE = """
import asyncio, sys
async def main():
    await asyncio.start_unix_server(lambda r, w: w.close(), sys.argv[1])
    await asyncio.Event().wait()
asyncio.run(main())
"""
"""The smallest asyncio process that listens."""
ORIGINAL_MS = {"p50": 0.2, "p99": 1.0}
"""The gate of the program that this wire comes from."""


def ask(path: str, size: int = 0) -> int:
    """One connection: send the Hello, read the answer. `size`: of an answer that has no header. Gives its length."""
    with socket.socket(socket.AF_UNIX) as stream:
        while True:
            try:
                stream.connect(path)
                break
            except BlockingIOError:
                time.sleep(0.0005)
        stream.sendall(HELLO)
        got = stream.recv(65536)
        wanted = size or 5 + int.from_bytes(got[1:5], "little")
        while len(got) < wanted:
            data = stream.recv(65536)
            assert data, got
            got += data
        return len(got)


def echo(path: str) -> None:
    """Serve the echo for ever."""

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(HELLO)))
        await writer.drain()
        writer.close()

    async def serve() -> None:
        await asyncio.start_unix_server(back, path, backlog=128)
        await asyncio.Event().wait()

    asyncio.run(serve())


@contextmanager
def child(argv: list[str], path: str) -> Iterator[int]:
    """The pid of a process, once that file is there."""
    with subprocess.Popen([sys.executable, *argv]) as run:
        try:
            wait_for(lambda: Path(path).exists())
            yield run.pid
        finally:
            run.kill()


def latency(paths: dict[str, tuple[str, int]], count: int) -> dict[str, list[float]]:
    """Seconds of every question, each server asked in turn."""
    times: dict[str, list[float]] = {name: [] for name in paths}
    for turn in range(count + count // 20):
        for name, (path, size) in paths.items():
            took = timed(partial(ask, path, size))
            if turn >= count // 20:
                times[name].append(took)
    return times


def many(path: str, size: int, count: int) -> None:
    """So many questions, from as many threads as a process has."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: ask(path, size), range(count)))


def throughput(paths: dict[str, tuple[str, int]], count: int) -> dict[str, float]:
    """Questions a second with 32 clients at once."""
    rates = {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        for name, (path, size) in paths.items():
            list(pool.map(partial(many, path, size), [THREADS] * PROCESSES))
            spent = timed(lambda: list(pool.map(partial(many, path, size), [count // PROCESSES] * PROCESSES)))  # noqa: B023
            rates[name] = count / spent
    return rates


def starters() -> tuple[float, float, int]:
    """(seconds until the first of 64 starters has its backend, until the last one has, backends that were started)."""
    with ground() as place, broker(place, rate_limit=0):
        place.service(SERVICE)
        done = []

        def start(_: int) -> None:
            while not (reply := place.hello(SERVICE, VERSION)).negotiated:
                assert reply.refused is not None and reply.refused.retry_after_ms, reply
                time.sleep(reply.refused.retry_after_ms / 1_000)
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(reply.negotiated.backend_pipe)
            done.append(time.perf_counter() - began)

        began = time.perf_counter()
        with ThreadPoolExecutor(STARTERS) as pool:
            list(pool.map(start, range(STARTERS)))
        return min(done), max(done), len(place.starts(SERVICE))


def main() -> int:
    """Print all tables; 1 when a gate is not met."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--quick", action="store_true", help="fewer rounds")
    words.add_argument("--echo", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.echo is not None:
        echo(given.echo)
    count = 1_000 if given.quick else 10_000
    with ground() as place, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        echo_path = f"{folder}/echo.sock"
        bare_path = f"{folder}/bare.sock"
        bare_argv = ["-c", BARE, bare_path]
        with (
            child([__file__, "--echo", echo_path], echo_path),
            child(bare_argv, bare_path) as bare,
            broker(place, rate_limit=0) as running,
        ):
            place.service(SERVICE)
            wait_for(lambda: place.hello(SERVICE, VERSION).negotiated)
            paths = {"echo": (echo_path, len(HELLO)), "broker": (place.socket(), 0)}
            told = {name: ask(*at) for name, at in paths.items()}
            times = latency(paths, count)
            rates = throughput(paths, count)
            sizes = {"bare asyncio": resident(bare), "broker": resident(running.pid)}
    cuts = {name: statistics.quantiles(values, n=100) for name, values in times.items()}
    print(f"one Hello a connection, {count} of each, sent {len(HELLO)} bytes")
    print(f"{'':14}{'got':>6}{'p50 ms':>9}{'ratio':>7}{'p99 ms':>9}{'p99/p50':>9}{'32 at once /s':>15}{'ratio':>7}")
    for name, cut in cuts.items():
        print(
            f"{name:14}{told[name]:6}{cut[49] * 1000:9.3f}{cut[49] / cuts['echo'][49]:7.2f}{cut[98] * 1000:9.3f}"
            f"{cut[98] / cut[49]:9.2f}{rates[name]:15.0f}{rates[name] / rates['echo']:7.2f}"
        )
    print(f"{'original gate':14}{'':6}{ORIGINAL_MS['p50']:9.3f}{'':7}{ORIGINAL_MS['p99']:9.3f}")
    print(f"\n{'resident':14}{'MiB':>9}{'ratio':>7}")
    for name, size in sizes.items():
        print(f"{name:14}{size:9.1f}{size / sizes['bare asyncio']:7.2f}")
    first, last, started = starters()
    print(
        f"\n{STARTERS} starters at once: {started} daemon, first connected after {first:.2f} s, last after {last:.2f} s"
    )
    print(f"load average: {' '.join(f'{load:.1f}' for load in os.getloadavg())}, {os.cpu_count()} cores")
    found = {
        "p50": cuts["broker"][49] / cuts["echo"][49],
        "tail": cuts["broker"][98] / cuts["broker"][49],
        "throughput": rates["broker"] / rates["echo"],
        "resident": sizes["broker"] / sizes["bare asyncio"],
    }
    over = [
        name for name, gate in GATES.items() if (found[name] < gate if name == "throughput" else found[name] > gate)
    ]
    if started != 1:
        over.append("one daemon")
    print(f"gates missed: {', '.join(over)}" if over else "all gates met")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())
