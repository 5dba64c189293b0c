"""The real tools over a memory that answers at once, so that only what carries them is timed. No benchmark itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.mcp.protocol import Reply
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.memory import SearchArguments
from tests.support.endpoint import FolderMemory, tools_over


class Constant(FolderMemory):
    """Always finds the same six notes, about 3 KB of them."""

    def __init__(self) -> None:
        super().__init__(Path("/vault"))
        phases = [f"Phase {n}" for n in range(3)]
        related = [{"path": f"03_Projects/{name}.md", "title": name, "direction": "incoming"} for name in phases]
        item = {"type": "knowledge", "status": "current", "score": 0.5, "related": related, "snippet": "[keeper] " * 26}
        self._results = [{"title": f"Note {n}", "path": f"01_Knowledge/Note {n}.md", **item} for n in range(6)]

    async def search(self, arguments: SearchArguments, caller: str | None) -> Mapping[str, Any]:
        """The six notes."""
        return {"query": arguments.query, "results": self._results, "pipeline": {"bm25": "ok"}}


class Strict:
    """A log that takes no failure: after one, no figure is worth anything."""

    def warn(self, text: str) -> None:
        """Something broke."""
        raise SystemExit(text)


class Timed(Desk):
    """The tools over that memory. `spent`: seconds in them, of each message since it was last emptied."""

    def __init__(self) -> None:
        super().__init__(tools_over(Constant()), version="0", log=Strict())
        self.spent: list[float] = []

    async def answer(self, head: Head, body: bytes, asker: Asker, *, welcome: str = "") -> Reply:
        """As any desk's."""
        began = perf_counter()
        try:
            return await super().answer(head, body, asker, welcome=welcome)
        finally:
            self.spent.append(perf_counter() - began)
