"""What a session may ask beside MCP: methods of JSON-RPC that are no tool of an agent's. Knows none of them itself.

Hooks and our own programs ask so; over HTTP each has a path of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from iapeer_memory.attach.settings import SessionSettings
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.memoryd.mcp import jsonrpc
from iapeer_memory.memoryd.mcp.jsonrpc import Fault, Request
from iapeer_memory.memoryd.tools.compact import compact

Method: TypeAlias = Callable[[str, SessionSettings, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""(the session's folder, its settings, params) → the result. May raise ProductError, whose one line is told."""


async def answer(method: Method, folder: str, settings: SessionSettings, body: bytes) -> bytes:
    """The answer to a request; b"" to a notification."""
    value = jsonrpc.parsed(body)
    said = value if isinstance(value, Fault) else jsonrpc.message(value)
    if not isinstance(said, Request):
        return jsonrpc.error(said).encode() if isinstance(said, Fault) else b""
    try:
        return jsonrpc.result(said.id, compact(await method(folder, settings, said.params))).encode()
    except ProductError as error:
        return jsonrpc.error(Fault(jsonrpc.INTERNAL_ERROR, error.line(), said.id)).encode()
