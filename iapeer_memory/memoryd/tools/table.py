"""All tools behind one door: what there is, and a call by name. Knows no transport.

What a caller did wrong, and what the memory cannot do now, come back as an outcome of one line; only a fault of ours
is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.memoryd.tools import guide, map, related, search, write
from iapeer_memory.memoryd.tools.compact import compact
from iapeer_memory.memoryd.tools.memory import Memory
from iapeer_memory.memoryd.tools.tool import Outcome, Tool
from iapeer_memory.vault.layout import Locale

SHOWN = 60
"""Characters of an unknown name that are repeated to the caller."""


class Tools:
    """`vault`: its absolute path, for words and for paths that are given whole. `writing` False: the memory can only
    be read. `nameless`: who asks where a call does not tell."""

    def __init__(
        self, memory: Memory, locale: Locale, vault: str, *, writing: bool = True, nameless: str | None = None
    ) -> None:
        self._memory = memory
        self._locale = locale
        self._vault = vault
        self._nameless = nameless
        readers = (search.TOOL, related.TOOL, map.TOOL)
        self.listed: tuple[Tool, ...] = (*readers, write.TOOL) if writing else readers
        self.instructions = guide.instructions(vault, locale, writing=writing)

    async def call(self, name: str, arguments: Mapping[str, Any], caller: str | None) -> Outcome:
        """Call a tool. `arguments`: JSON as it came. `caller`: the peer that asks, where it is known."""
        if name not in {tool.name for tool in self.listed}:
            known = ", ".join(tool.name for tool in self.listed)
            return failed(f"unknown tool {printable(name[:SHOWN])!r}; this server has {known}")
        try:
            return await self._called(name, arguments, caller or self._nameless)
        except ProductError as error:
            return failed(error.line())

    async def _called(self, name: str, arguments: Mapping[str, Any], caller: str | None) -> Outcome:
        if name == search.NAME:
            return await search.call(search.read(arguments, self._locale), caller, self._memory)
        if name == related.NAME:
            return await related.call(related.read(arguments, self._vault), caller, self._memory)
        if name == map.NAME:
            return await map.call(map.read(arguments), caller, self._memory)
        return await write.call(write.read(arguments, caller, self._locale, self._vault), caller, self._memory)


def failed(words: str) -> Outcome:
    """An outcome that says in one line what is wrong."""
    return Outcome(compact({"error": words}), error=True)
