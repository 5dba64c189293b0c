"""All tools behind one door: what there is, and a call by name. Knows no transport.

What a caller did wrong, and what the memory cannot do now, come back as an outcome of one line; only a fault of ours
is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.memoryd.tools import guide, map, related, search, write
from iapeer_memory.memoryd.tools.asker import Asker
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
        self._writing = writing
        self.instructions = self.welcome(Asker())

    def welcome(self, asker: Asker) -> str:
        """What an agent is told when its session connects."""
        language = asker.settings.language or guide.USUAL
        told = guide.instructions(self._vault, self._locale, language=language, writing=self._writing)
        return told + guide.unsettled(asker.unsettled, language)

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> Outcome:
        """Call a tool. `arguments`: JSON as it came."""
        if name not in {tool.name for tool in self.listed}:
            known = ", ".join(tool.name for tool in self.listed)
            return failed(f"unknown tool {printable(name[:SHOWN])!r}; this server has {known}")
        try:
            return await self._called(name, arguments, asker)
        except ProductError as error:
            return failed(error.line())

    async def _called(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> Outcome:
        asker = replace(asker, caller=asker.caller or self._nameless)
        if name == search.NAME:
            given = search.read(arguments, self._locale, self._vault, asker.settings)
            return await search.call(given, asker, self._memory)
        if name == related.NAME:
            return await related.call(related.read(arguments, self._vault), asker, self._memory)
        if name == map.NAME:
            return await map.call(map.read(arguments), asker, self._memory)
        return await write.call(write.read(arguments, asker.caller, self._locale, self._vault), asker, self._memory)


def failed(words: str) -> Outcome:
    """An outcome that says in one line what is wrong."""
    return Outcome(compact({"error": words}), error=True)
