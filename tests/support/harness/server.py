"""A small MCP server at loopback, in this process: what memoryd promises on the wire, with a log of every request.

Streamable HTTP, stateless: JSON answers, no session id, no stream of its own, -32601 for unknown methods. It holds
no notes: `memory_search` answers with the text it was given. Source: the Model Context Protocol, 2025-11-25.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Json = dict[str, Any]
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: HTTP method and path, headers (lower case), the JSON-RPC message (None for GET and DELETE)."""

    verb: str
    path: str
    headers: dict[str, str]
    message: Json | None

    @property
    def method(self) -> str:
        return str((self.message or {}).get("method", ""))


class _Listener(ThreadingHTTPServer):
    """Ends its open connections with it, as a process that exits does."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: Any) -> None:
        self.open: set[Any] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)


@dataclass(slots=True)
class MemoryServer:
    """Use as a context manager. `stop` and `start` again keep the port: a restart in mid-session.

    `read_only` and `up_front`: what the tool says of itself (its hint, and that it wants no deferred loading).
    """

    answer: str = "no notes"
    read_only: bool = True
    up_front: bool = False
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    _server: _Listener | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> MemoryServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        memory = self

        class Handler(_Handler):
            owner = memory

        self._server = _Listener(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every open connection."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        for connection in tuple(self._server.open):
            self._server.shutdown_request(connection)
        self._server.server_close()
        self._thread.join(5)
        self._server = None

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def called(self, method: str) -> list[Call]:
        return [one for one in self.calls if one.method == method]

    def searches(self) -> list[str]:
        """The queries that `memory_search` was asked, in order."""
        return [one.message["params"]["arguments"]["query"] for one in self.called("tools/call") if one.message]

    def reply(self, message: Json) -> Json | None:
        """The JSON-RPC answer; None for a notification."""
        if "id" not in message:
            return None
        method, params = message.get("method"), message.get("params") or {}
        if method == "initialize":
            asked = params.get("protocolVersion")
            result: Json = {
                "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "iapeer-memory", "version": "0"},
            }
        elif method == "ping":
            result = {}
        elif method == "tools/list":
            result = {"tools": [_tool(self.read_only, self.up_front)]}
        elif method == "tools/call" and params.get("name") == "memory_search":
            result = {"content": [{"type": "text", "text": self.answer}], "isError": False}
        else:
            return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "method not found"}}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def _tool(read_only: bool, up_front: bool) -> Json:
    meta: Json = {"_meta": {"anthropic/alwaysLoad": True}} if up_front else {}
    return meta | {
        "name": "memory_search",
        "description": "Search the shared memory.",
        "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
        "annotations": {"readOnlyHint": read_only},
    }


class _Handler(BaseHTTPRequestHandler):
    owner: MemoryServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the log is `calls`."""

    def do_GET(self) -> None:
        self._keep("GET", None)
        self._send(405 if self.path == "/mcp" else 404, None)

    def do_DELETE(self) -> None:
        self._keep("DELETE", None)
        self._send(405, None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        host = (self.headers.get("host") or "").rsplit(":", 1)[0]
        origin = (self.headers.get("origin") or "").removeprefix("http://").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost") or origin not in ("", "127.0.0.1", "localhost"):
            self._send(403, None)
            return
        try:
            message = json.loads(raw)
        except ValueError:
            message = None
        if not isinstance(message, dict) or self.path != "/mcp":
            self._send(404 if self.path != "/mcp" else 400, None)
            return
        self._keep("POST", message)
        reply = self.owner.reply(message)
        self._send(202 if reply is None else 200, reply)

    def _keep(self, verb: str, message: Json | None) -> None:
        self.owner.calls.append(
            Call(verb, self.path, {key.lower(): value for key, value in self.headers.items()}, message)
        )

    def _send(self, status: int, document: Json | None) -> None:
        data = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if document is not None:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
