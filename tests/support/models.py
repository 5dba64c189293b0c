"""A model server that answers as it is told, and remembers what it was asked. Real HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.ports import free_port

Reply = Callable[[dict[str, Any]], Any]


@dataclass
class Models:
    """`reply`: a request's JSON → what to answer: bytes as they are, an int as a status, anything else as JSON."""

    url: str
    reply: Reply
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    """While it is not set, an answer of None is held back."""


@contextmanager
def models(reply: Reply) -> Iterator[Models]:
    """Serve until the block ends."""
    port = free_port()
    served = Models(f"http://127.0.0.1:{port}/v1", reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.requests.append(asked)
            served.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = served.reply(asked)
            if answer is None:
                served.gate.wait(30)
                answer = 500
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
