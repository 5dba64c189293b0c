"""Answers MCP messages, whatever brought them: the protocol, and the tools that it wants called.

Loads nothing, starts nothing, keeps nothing between two messages.
"""

from __future__ import annotations

from typing import Protocol as Interface

from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.mcp.listing import Server
from iapeer_memory.memoryd.mcp.protocol import Call, Pending, Protocol, Reply
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.table import Tools
from iapeer_memory.memoryd.tools.tool import Outcome

TITLE = "Shared memory"


class Warns(Interface):
    """Where a failure of ours is told."""

    def warn(self, text: str) -> None: ...


def spoken(tools: Tools, version: str) -> Protocol:
    """The protocol, as it is spoken for these tools."""
    return Protocol(Server(PRODUCT, TITLE, version, tools.instructions), tools.listed)


class Desk:
    """One set of tools, for every transport."""

    def __init__(self, tools: Tools, *, version: str, log: Warns) -> None:
        self._tools = tools
        self._log = log
        self._protocol = spoken(tools, version)

    async def answer(self, head: Head, body: bytes, asker: Asker, *, welcome: str = "") -> Reply:
        """The reply; its body is empty where none is due. Never raises, whatever the bytes. `welcome`: the
        instructions of a session that has its own."""
        reply = self._protocol.receive(head, body, welcome)
        if isinstance(reply, Pending):
            reply = reply.answer([await self._perform(call, asker) for call in reply.calls])
        return reply

    async def _perform(self, call: Call, asker: Asker) -> Outcome | None:
        """The outcome; None when the call broke in a way that nobody foresaw."""
        try:
            return await self._tools.call(call.tool, call.arguments, asker)
        except Exception as error:
            self._log.warn(f"a call of {call.tool!r} failed ({type(error).__name__}: {error})")
            return None
