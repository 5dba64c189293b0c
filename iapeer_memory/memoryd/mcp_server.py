"""The MCP server over the official SDK: stateless streamable HTTP, JSON answers, one tool. Imported late: it is heavy.

The SDK answers unknown methods with -32601 and knows both eras of the protocol (a handshake, and `server/discover`
with one envelope a request). Nothing here keeps anything between two requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.memoryd import caller, tools
from iapeer_memory.memoryd.tools import SearchArguments

LARGEST_REQUEST = 1 << 20

Search = Callable[[SearchArguments, str | None], Awaitable[dict[str, Any]]]
"""(arguments, who asks) → payload. Raises ProductError."""


class Endpoint(Protocol):
    """What serves `/mcp`: an ASGI callable, alive inside `run()`."""

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> None: ...
    def run(self) -> AbstractAsyncContextManager[None]: ...


def endpoint(search: Search, *, version: str, vault: str) -> Endpoint:
    """The server behind one HTTP endpoint. Host and Origin are checked by the front, for every path alike."""

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_tool()])

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name != tools.SEARCH:
            return _error(f"unknown tool {params.name!r}; this server has {tools.SEARCH}")
        arguments = tools.search_arguments(params.arguments)
        if isinstance(arguments, str):
            return _error(arguments)
        header = context.request.headers.get(caller.HEADER) if context.request is not None else None
        try:
            payload = await search(arguments, caller.personality_in(header))
        except ProductError as error:
            return _error(error.line())
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=tools.as_text(payload))], structured_content=payload
        )

    server = Server(
        PRODUCT,
        version=version,
        title="Shared memory",
        instructions=tools.instructions(vault),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    return StreamableHTTPSessionManager(
        app=server, json_response=True, stateless=True, max_request_body_size=LARGEST_REQUEST
    )


def _tool() -> types.Tool:
    return types.Tool(
        name=tools.SEARCH,
        title=tools.TITLE,
        description=tools.DESCRIPTION,
        input_schema=dict(tools.INPUT_SCHEMA),
        output_schema=dict(tools.OUTPUT_SCHEMA),
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
        ),
        _meta=dict(tools.META),
    )


def _error(message: str) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=tools.as_text({"error": message}))], is_error=True
    )
