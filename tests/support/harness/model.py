"""A scripted model at loopback, answering from a list of steps on either wire.

Never thinks: the number of tool results in a request says which step is next, so a harness that repeats a request
gets the same answer. Every request is kept: what the model saw is what a test asserts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.support.harness.wires import (
    Json,
    Say,
    Seen,
    Step,
    ToolResult,
    Use,
    messages_events,
    read_messages,
    read_responses,
    responses_events,
)

__all__ = ["Model", "Say", "Seen", "Step", "ToolResult", "Use"]


@dataclass(slots=True)
class Model:
    """Use as a context manager; `url` is the base for either harness.

    Requests without tools (titles, summaries) are side talk: they are answered "ok" and kept in `aside`.
    """

    steps: Sequence[Step]
    seen: list[Seen] = field(default_factory=list)
    aside: list[Seen] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _begun: set[int] = field(default_factory=set)

    def __enter__(self) -> Model:
        model = self

        class Handler(_Handler):
            owner = model

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """Every tool result of the session, in the order of the calls: those of its longest request."""
        with self._mutex:
            return max((one.results for one in self.seen), key=len, default=())

    @property
    def tools(self) -> tuple[str, ...]:
        """Every tool that any request offered, sorted. Codex: `namespace.tool` for grouped ones."""
        with self._mutex:
            return tuple(sorted({name for one in self.seen for name in one.tools}))

    def text(self, *roles: str) -> str:
        """All that the session ever said to the model under these roles, each message once."""
        with self._mutex:
            kept = {pair: None for one in self.seen for pair in one.texts if not roles or pair[0] in roles}
        return "\n".join(text for _, text in kept)

    def note(self, seen: Seen) -> Step:
        """Keep the request, run the step's `before` once, and say what to answer."""
        with self._mutex:
            if not seen.tools:
                self.aside.append(seen)
                return Say("ok")
            self.seen.append(seen)
            number = len(seen.results)
            step: Step = self.steps[number] if number < len(self.steps) else Say("done")
            first = number not in self._begun
            self._begun.add(number)
        if first and step.before is not None:
            step.before()
        return step


class _Handler(BaseHTTPRequestHandler):
    owner: Model
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the model's own log is `seen`."""

    def do_HEAD(self) -> None:
        self._plain(b"")

    def do_GET(self) -> None:
        self.owner.other.append(f"GET {self.path}")
        self._plain(b'{"data":[],"models":[]}')

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0]
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if path.endswith("/count_tokens"):
            self._plain(b'{"input_tokens":10}')
        elif isinstance(body, dict) and path.endswith("/messages"):
            self._events(messages_events(self.owner.note(read_messages(path, body)), _count(body)))
        elif isinstance(body, dict) and path.endswith("/responses"):
            self._events(responses_events(self.owner.note(read_responses(path, body)), _count(body)))
        else:
            self.owner.other.append(f"POST {self.path}")
            self._plain(b"{}")

    def _plain(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self, events: Sequence[Json]) -> None:
        data = b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _count(body: Json) -> int:
    items = body.get("messages") or body.get("input") or []
    return len(items)
