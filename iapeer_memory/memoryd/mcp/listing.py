"""What the server says of itself: its name, its tools and how to use them, as JSON made once. Pure.

Source: `InitializeResult`, `DiscoverResult` and `ListToolsResult` of the MCP schema. `_meta`'s `anthropic/alwaysLoad`:
Claude Code hides tools until its model looks for them; a tool with it is seen from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iapeer_memory.memoryd.tools.compact import compact
from iapeer_memory.memoryd.tools.tool import Tool

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with `initialize`, oldest first."""
ENVELOPE = "2026-07-28"
"""The revision without a handshake: every request says what it speaks."""
CACHED_MS = 60_000
"""How long a client may keep what it was told."""
CAPABILITIES = {"tools": {"listChanged": False}}
SERVER_INFO = "io.modelcontextprotocol/serverInfo"


@dataclass(frozen=True, slots=True)
class Server:
    """`instructions`: what a client puts before its model."""

    name: str
    title: str
    version: str
    instructions: str

    def hello(self, asked: str, instructions: str) -> str:
        """The result of `initialize`: the revision that was asked for where it is known, else our newest."""
        return compact(
            {
                "protocolVersion": asked if asked in HANDSHAKE else HANDSHAKE[-1],
                "capabilities": CAPABILITIES,
                "serverInfo": self._info(),
                "instructions": instructions or self.instructions,
            }
        )

    def discovered(self) -> str:
        """The result of `server/discover`."""
        told = {"supportedVersions": [ENVELOPE], "capabilities": CAPABILITIES, "instructions": self.instructions}
        return compact({**self._cached(), **told})

    def listed(self, tools: Sequence[Tool]) -> str:
        """The result of `tools/list`."""
        return compact({"tools": [wire(tool) for tool in tools]})

    def listed_in_envelope(self, tools: Sequence[Tool]) -> str:
        """The result of `tools/list` where every request stands alone."""
        return compact({**self._cached(), "tools": [wire(tool) for tool in tools]})

    def stamp(self) -> dict[str, Any]:
        """What every result of a request that stands alone begins with."""
        return {"resultType": "complete", "_meta": {SERVER_INFO: self._info()}}

    def _cached(self) -> dict[str, Any]:
        return {**self.stamp(), "ttlMs": CACHED_MS, "cacheScope": "private"}

    def _info(self) -> dict[str, str]:
        return {"name": self.name, "title": self.title, "version": self.version}


def wire(tool: Tool) -> dict[str, Any]:
    """A tool as a client sees it."""
    told: dict[str, Any] = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": {
            "readOnlyHint": tool.read_only,
            "destructiveHint": False,
            "idempotentHint": tool.read_only,
            "openWorldHint": tool.open_world,
        },
    }
    if tool.always:
        told["_meta"] = {"anthropic/alwaysLoad": True}
    return told
