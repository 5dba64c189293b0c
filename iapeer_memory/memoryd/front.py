"""The HTTP front: who may ask, and which path answers. Plain ASGI: it answers before anything heavy is loaded.

Refused with 403, whatever the path: a Host that is not ours (DNS rebinding), an Origin that is not ours (a web page),
a client of another user. Knows nothing of MCP but its path.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost", "[::1]")
STRANGER = "iapeer_memory_stranger"
"""Key of the connection's state: why its client is refused, or None."""
LONGEST_NONCE = 256


@dataclass(slots=True)
class Front:
    """The application that the server runs. `port`: ours. `health`: the probe's answer for a nonce. `mcp`: serves
    `/mcp`; None where it is switched off."""

    port: int
    health: Callable[[str | None], Mapping[str, Any]]
    mcp: App | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await answer_json(send, 403, {"error": refusal})
        elif scope["path"] == "/mcp" and self.mcp is not None:
            if scope["method"] == "POST":
                await self.mcp(scope, receive, send)
            else:
                # A stateless server has nothing to send unasked, so there is no stream to open and no session to end.
                await answer_json(send, 405, {"error": "/mcp takes POST"}, allow="POST")
        elif scope["path"] == "/health":
            if scope["method"] == "GET":
                nonces = parse_qs(scope["query_string"].decode("latin-1")).get("nonce", [])
                await answer_json(send, 200, self.health(nonces[0][:LONGEST_NONCE] if nonces else None))
            else:
                await answer_json(send, 405, {"error": "/health takes GET"}, allow="GET")
        else:
            await answer_json(send, 404, {"error": "not found; the MCP endpoint is /mcp"})

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


async def answer_json(send: Send, status: int, body: Mapping[str, Any], *, allow: str | None = None) -> None:
    """Send a JSON answer."""
    data = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(data)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if allow:
        headers.append((b"allow", allow.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
