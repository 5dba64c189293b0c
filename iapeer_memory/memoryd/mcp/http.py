"""The endpoint as an ASGI application: reads the body, sends the answer.

Only POST reaches it; who may ask at all is checked before. Loads nothing, starts nothing, keeps nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from iapeer_memory.memoryd.caller import personality_in
from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.mcp.protocol import LARGEST_BODY, Reply, too_large
from iapeer_memory.memoryd.tools.asker import Asker

DRAINED = 8 * LARGEST_BODY
"""Bytes of a body beyond the limit that are read and dropped, so that its sender hears why it is refused."""

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Endpoint:
    """What answers `POST /mcp`: `await endpoint(scope, receive, send)`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; a client that hangs up while it sends gets none."""
        body = await _body(receive)
        if body is None:
            return
        head = Head.of(scope["headers"])
        caller = personality_in(head.identity[0]) if len(head.identity) == 1 else None
        fits = len(body) <= LARGEST_BODY
        await _answer(send, await self._desk.answer(head, body, Asker(caller)) if fits else too_large())


async def _body(receive: Receive) -> bytes | None:
    """The whole body; of one that is too large, its first bytes, more than the limit. None: the client is gone."""
    pieces: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        piece = event.get("body", b"")
        if size <= LARGEST_BODY:
            pieces.append(piece)
        size += len(piece)
        if not event.get("more_body", False) or size > DRAINED:
            return b"".join(pieces)


async def _answer(send: Send, reply: Reply) -> None:
    headers = [(b"content-length", b"%d" % len(reply.body)), (b"cache-control", b"no-store")]
    if reply.body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
