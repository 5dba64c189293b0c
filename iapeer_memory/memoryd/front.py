"""The HTTP front: who may ask, and which path answers. Plain ASGI: it answers before anything heavy is loaded.

Refused with 403, whatever the path: a Host that is not ours (DNS rebinding), an Origin that is not ours (a web page),
a client of another user. Knows nothing of MCP but its path.
"""

from __future__ import annotations

import json
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from iapeer_memory.domain.errors import ProductError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost", "[::1]")
STRANGER = "iapeer_memory_stranger"
"""Key of the connection's state: why its client is refused, or None."""
LONGEST_NONCE = 256
LARGEST_NOTE = 8 << 20
PLAIN = b"text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Front:
    """The application that the server runs. `port`: ours. `health`: the probe's answer for a nonce. `metrics`: the page
    of numbers. `rescan`: has every row compared with its note soon. `dedup`: the hints for a note, from the object that
    a hook has sent. `sessions`: who is attached. `mcp`: serves `/mcp`; None where the tools are switched off, and the
    hints with them."""

    port: int
    health: Callable[[str | None], Mapping[str, Any]]
    metrics: Callable[[], str]
    rescan: Callable[[], None]
    reload: Callable[[], bool]
    dedup: Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    sessions: Callable[[], list[dict[str, Any]]]
    mcp: App | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await answer_json(send, 403, {"error": refusal})
        elif scope["path"] == "/mcp" and self.mcp is not None:
            # A stateless server has nothing to send unasked, so there is no stream to open and no session to end.
            if await _takes(scope, send, "POST"):
                try:
                    await self.mcp(scope, receive, send)
                except CancelledError:
                    # The graceful time of an end is over: whoever still waits is told, not cut off.
                    await answer_json(send, 503, {"error": "memoryd is ending; ask again in a moment"})
        elif scope["path"] == "/dedup" and scope["method"] == "POST" and self.mcp is not None:
            await self._hints(receive, send)
        elif scope["path"] == "/health":
            if await _takes(scope, send, "GET"):
                nonces = parse_qs(scope["query_string"].decode("latin-1")).get("nonce", [])
                await answer_json(send, 200, self.health(nonces[0][:LONGEST_NONCE] if nonces else None))
        elif scope["path"] == "/sessions":
            if await _takes(scope, send, "GET"):
                await answer_json(send, 200, {"sessions": self.sessions()})
        elif scope["path"] == "/metrics":
            if await _takes(scope, send, "GET"):
                await answer(send, 200, self.metrics().encode(), PLAIN)
        elif scope["path"] == "/reload":
            if await _takes(scope, send, "POST"):
                await answer_json(send, 202, {"reload": self.reload()})
        elif scope["path"] == "/rescan":
            if await _takes(scope, send, "POST"):
                self.rescan()
                await answer_json(send, 202, {"rescan": True})
        else:
            await answer_json(send, 404, {"error": "not found; the MCP endpoint is /mcp"})

    async def _hints(self, receive: Receive, send: Send) -> None:
        """`POST /dedup`. Source of the answers: the reference core's internal call for the write hook."""
        body = await body_of(receive, LARGEST_NOTE)
        try:
            given = json.loads(body) if body is not None else None
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            await answer_json(send, 500, {"enabled": False, "matches": [], "error": "the body is not a JSON object"})
            return
        try:
            await answer_json(send, 200, await self.dedup(given))
        except ProductError as error:
            await answer_json(send, 500, {"enabled": False, "matches": [], "error": error.line()})

    def _refusal(self, scope: Scope) -> str | None:
        stranger = scope.get("state", {}).get(STRANGER)
        if stranger is not None:
            return str(stranger)
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in {f"{name}:{self.port}" for name in NAMES}:
            return "this Host is not served here"
        origins = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"origin"]
        if any(origin not in {f"http://{name}:{self.port}" for name in NAMES} for origin in origins):
            return "requests of web pages are refused"
        return None


async def body_of(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None when it is larger than that or its client is gone."""
    pieces: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        pieces.append(event.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            return None
        if not event.get("more_body", False):
            return b"".join(pieces)


async def answer_json(send: Send, status: int, body: Mapping[str, Any], *, allow: str | None = None) -> None:
    """Send a JSON answer."""
    await answer(send, status, as_json(body), b"application/json", allow=allow)


def as_json(body: Mapping[str, Any]) -> bytes:
    """JSON text; a path that is no text is shown as far as it is one."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")


async def answer(send: Send, status: int, data: bytes, kind: bytes, *, allow: str | None = None) -> None:
    """Send an answer of that media type."""
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(data)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if allow:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def _takes(scope: Scope, send: Send, method: str) -> bool:
    """Whether the request has that method; where it has not, it is answered so."""
    if scope["method"] == method:
        return True
    await answer_json(send, 405, {"error": f"{scope['path']} takes {method}"}, allow=method)
    return False
