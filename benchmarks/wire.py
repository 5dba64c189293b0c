"""Asking a server as a harness does, and what a process costs: shared by the benchmarks of the daemon.

    python benchmarks/wire.py echo
    python benchmarks/wire.py agent PORT SECONDS

The first serves a bare Starlette application that parses JSON and sends it back. The second asks the questions that it
reads from stdin (a JSON list of bodies), again and again, from the line "go" on, and prints how many were answered.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")


class Refused(Exception):
    """An answer that is not 200, or none."""


class Line:
    """One connection that is kept open, as a harness keeps it."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port))
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Length: "
        )

    def post(self, body: bytes) -> bytes:
        """The body of the answer. Raises Refused."""
        self._wire.sendall(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, answer = got.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        if found is None or b" 200 " not in head.split(b"\r\n")[0]:
            raise Refused(head.decode("latin-1"))
        while len(answer) < int(found[1]):
            answer += self._more()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _more(self) -> bytes:
        data = self._wire.recv(1 << 16)
        if not data:
            raise Refused("the server hung up")
        return data


def request(method: str, **params: Any) -> bytes:
    """A JSON-RPC request."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def search(query: str) -> bytes:
    """The request of a search."""
    return request("tools/call", name="memory_search", arguments={"query": query})


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def resident(pid: int) -> float:
    """MB (of 1,048,576 bytes) of memory; nan where the system does not tell (not Linux)."""
    try:
        found = RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        found = None
    return int(found[1]) / 1024 if found else float("nan")


def processor(pid: int) -> float:
    """Seconds of processor time that the threads of a process have used; nan where the system does not tell."""
    try:
        told = [task.joinpath("schedstat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return float("nan")
    return sum(int(one.split()[0]) for one in told) / 1e9


@contextmanager
def echo() -> Iterator[int]:
    """The port of the bare server, in a process of its own."""
    with subprocess.Popen([sys.executable, "-I", __file__, "echo"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline())
        finally:
            child.kill()


def agents(count: int, port: int, bodies: Sequence[bytes], seconds: float) -> tuple[int, int]:
    """So many clients at once, each a process of its own: answers in all, and how many clients were refused."""
    argv = [sys.executable, "-I", __file__, "agent", str(port), str(seconds)]
    with ExitStack() as stack:
        children = [
            stack.enter_context(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(count)
        ]
        for number, child in enumerate(children):
            assert child.stdin is not None
            assert child.stdout is not None
            at = number * len(bodies) // count
            child.stdin.write(json.dumps([body.decode() for body in (*bodies[at:], *bodies[:at])]) + "\n")
            child.stdin.flush()
            child.stdout.readline()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        told = [json.loads(child.stdout.read() or "[0, 1]") for child in children if child.stdout is not None]
    return sum(answered for answered, _ in told), sum(failed for _, failed in told)


def agent(port: int, seconds: float) -> None:
    """One client."""
    bodies = [text.encode() for text in json.loads(sys.stdin.readline())]
    with closing(Line(port)) as line:
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.monotonic() + seconds
        answered = failed = 0
        while time.monotonic() < end:
            try:
                answer = line.post(bodies[answered % len(bodies)])
            except Refused:
                failed = 1
                break
            failed |= b'"isError":true' in answer
            answered += 1
    print(json.dumps([answered, failed]))


def serve_echo() -> None:
    """Print the port, then answer for ever."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def echoed(asked: Request) -> JSONResponse:
        return JSONResponse(await asked.json())

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    application = Starlette(routes=[Route("/mcp", echoed, methods=["POST"])])
    config = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", http="h11")
    print(listener.getsockname()[1], flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        serve_echo()
    else:
        agent(int(sys.argv[2]), float(sys.argv[3]))
