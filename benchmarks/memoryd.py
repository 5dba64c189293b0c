"""What the shared memory costs: indexing a vault, searching it over HTTP, and the daemon's size.

    python benchmarks/memoryd.py [--quick]

Every figure stands beside a baseline of the same run: indexing beside reading the same files; a search beside a bare
HTTP server that gives an answer of the same size; the daemon's memory beside that server's. Ratios are reported,
nothing is a gate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from iapeer_memory.egress.files import RealFiles  # noqa: E402
from iapeer_memory.index.port import Writer  # noqa: E402
from iapeer_memory.index.sqlite.engine import SqliteEngine  # noqa: E402
from iapeer_memory.memoryd import passes  # noqa: E402
from iapeer_memory.memoryd.record import fingerprint  # noqa: E402
from iapeer_memory.vault.locales import locale  # noqa: E402
from iapeer_memory.vault.walk import Rules  # noqa: E402
from tests.support.daemon import start  # noqa: E402
from tests.support.notes import Notes, rewriting  # noqa: E402

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")


class Line:
    """One connection that is kept open, as a harness keeps it."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port))
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = port

    def post(self, body: bytes) -> bytes:
        """The body of the answer."""
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._wire.sendall(head.encode() + body)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        answer_head, _, answer = got.partition(b"\r\n\r\n")
        found = LENGTH.search(answer_head)
        if found is None or b" 200 " not in answer_head.split(b"\r\n")[0]:
            raise SystemExit(f"a bad answer: {answer_head!r}")
        while len(answer) < int(found[1]):
            answer += self._more()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _more(self) -> bytes:
        data = self._wire.recv(1 << 16)
        if not data:
            raise SystemExit("the server hung up")
        return data


def search(query: str) -> bytes:
    """The request of a search."""
    call = {"name": "memory_search", "arguments": {"query": query}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()


class Echo(asyncio.Protocol):
    """The least that can be called an HTTP server: it waits for a whole request and sends a fixed answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, body = self._got.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        if blank and found and len(body) >= int(found[1]):
            self._got = b""
            self._transport.write(self._answer)


async def serve_echo(size: int) -> None:
    """Print the port, then answer for ever."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(lambda: Echo(answer), sock=listener)
    print(listener.getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def echo(size: int) -> Iterator[tuple[int, int]]:
    """(pid, port) of a bare server in a process of its own."""
    argv = [sys.executable, "-I", __file__, "--echo", str(size)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.pid, int(child.stdout.readline())
        finally:
            child.terminate()


def resident(pid: int) -> float:
    """MiB of memory; nan where the system does not tell (not Linux)."""
    try:
        found = RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        found = None
    return int(found[1]) / 1024 if found else float("nan")


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def read_all(paths: list[str]) -> None:
    """What indexing cannot do without."""
    for path in paths:
        with open(path, "rb") as file:
            file.read()


def indexing(scratch: Path, notes: Notes, rounds: int) -> None:
    """Print what a pass costs: over new notes, over changed ones, and over a vault in which nothing changed."""
    names, files = locale("en"), RealFiles()
    vault = passes.Vault(str(notes.root), names, Rules.of(()))
    seen: dict[str, list[float]] = {}
    paths = [str(path) for path in notes.paths]
    read_all(paths)
    for turn in range(rounds):
        writer = SqliteEngine(files, str(scratch / f"{turn}.db"), uid=os.getuid()).writer(fingerprint(names))

        def whole(expected: int, writer: Writer = writer) -> None:
            report = passes.full(files, vault, writer, stop=lambda: False)
            if report.written != expected:
                raise SystemExit(f"a pass wrote {report.written} of {expected} notes: {report.bad[:3]}")

        def note(name: str, work: Callable[[], object]) -> None:
            seen.setdefault(name, []).append(timed(work))

        note("reading the files", lambda: read_all(paths))
        note("first pass", lambda: whole(notes.count))
        note("pass, nothing changed", lambda: whole(0))
        notes.write()
        note("pass, all changed", lambda: whole(notes.count))
        writer.close()
    size = sum(path.stat().st_size for path in notes.paths)
    print(f"\nindexing {notes.count} notes, {size / 2**20:.1f} MiB, in one process; medians of {rounds}")
    base = statistics.median(seen["reading the files"])
    print(f"{'':34}{'ms':>10}{'ratio':>9}")
    for name, times in seen.items():
        middle = statistics.median(times)
        print(f"{name:34}{middle * 1000:10.1f}{middle / base:9.1f}")


def row(name: str, times: list[float], base: list[float]) -> None:
    """Print percentiles beside those of the baseline."""
    ours, theirs = (statistics.quantiles(values, n=100) for values in (times, base))
    told = "".join(f"{ours[at] * 1000:9.2f}{ours[at] / theirs[at]:7.1f}" for at in (49, 94, 98))
    print(f"{name:34}{told}{len(times):7}")


def compare(name: str, memory: Line, bare: Line, notes: Notes, enough: Callable[[int], bool]) -> None:
    """Searches and bare requests in turn, until it is enough."""
    ours: list[float] = []
    theirs: list[float] = []
    while not enough(len(ours)):
        body = search(notes.question(notes.chance.randint(1, 4)))
        ours.append(timed(lambda: memory.post(body)))  # noqa: B023 - called at once
        theirs.append(timed(lambda: bare.post(body)))  # noqa: B023
    row(f"bare server, {name}", theirs, theirs)
    row(f"search, {name}", ours, theirs)


def searching(scratch: Path, notes: Notes, count: int, seconds: float) -> None:
    """Print what a search costs while the daemon is idle, and while it does nothing but whole passes."""
    print(f"\nsearching {notes.count} notes over HTTP, one connection; ratio to a bare server in the same moments")
    print(f"{'':34}{'p50 ms':>9}{'ratio':>7}{'p95 ms':>9}{'ratio':>7}{'p99 ms':>9}{'ratio':>7}{'n':>7}")
    with start(scratch / "idle", notes.root) as daemon, closing(Line(daemon.port)) as memory:
        size = len(memory.post(search(notes.question(2))))
        with echo(size) as (bare_pid, port), closing(Line(port)) as bare:
            compare("idle", memory, bare, notes, lambda done: done >= count)
            rss = {"bare server": resident(bare_pid), "memoryd, idle": resident(daemon.pid)}
    with start(scratch / "busy", notes.root, belt=0.0) as daemon, closing(Line(daemon.port)) as memory:
        with echo(size) as (bare_pid, port), closing(Line(port)) as bare, rewriting(notes):
            end = time.monotonic() + seconds
            memory.post(search(notes.question(1)))
            compare("in whole passes", memory, bare, notes, lambda _: time.monotonic() > end)
            rss["memoryd, in whole passes"] = resident(daemon.pid)
        indexed = sum(int(found[1]) for line in daemon.lines if (found := re.search(r"(\d+) indexed", line)))
        if indexed <= notes.count:
            raise SystemExit("the daemon did no pass while it was searched")
    print(f"\n{'resident memory':34}{'MiB':>9}{'ratio':>7}")
    for name, size_mib in rss.items():
        print(f"{name:34}{size_mib:9.1f}{size_mib / rss['bare server']:7.1f}")


def main() -> int:
    """Print all tables."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    words.add_argument("--quick", action="store_true", help="500 notes and fewer rounds")
    words.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.echo is not None:
        asyncio.run(serve_echo(given.echo))
    with tempfile.TemporaryDirectory() as scratch:
        notes = Notes(Path(scratch) / "vault", 500 if given.quick else 2_000)
        notes.write()
        indexing(Path(scratch), notes, 1 if given.quick else 3)
        searching(Path(scratch), notes, 100 if given.quick else 500, 3.0 if given.quick else 15.0)
    print(f"\nload average: {' '.join(f'{load:.1f}' for load in os.getloadavg())}, {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
