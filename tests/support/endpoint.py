"""Our MCP endpoint over a small memory: a folder of notes, read anew for every call, behind the real front and server.

with serving(FolderMemory(tmp_path)) as port: …
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.memoryd.front import Front
from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.http import Endpoint
from iapeer_memory.memoryd.serving import server
from iapeer_memory.memoryd.tools import draft
from iapeer_memory.memoryd.tools.memory import (
    Append,
    Create,
    MapArguments,
    RelatedArguments,
    SearchArguments,
    WriteArguments,
    Written,
)
from iapeer_memory.memoryd.tools.table import Tools
from iapeer_memory.vault.locales import locale
from tests.support.ports import free_port

LINK = re.compile(r"\[\[([^\]|#]+)")
USUAL = 6


@dataclass
class FolderMemory:
    """Notes in a folder. A question of `!broken` is a fault of ours, one of `!busy` an error that it knows."""

    root: Path

    def texts(self) -> dict[str, str]:
        """path → text."""
        paths = sorted(self.root.rglob("*.md"))
        return {path.relative_to(self.root).as_posix(): path.read_text(encoding="utf-8") for path in paths}

    async def search(self, arguments: SearchArguments, caller: str | None) -> Mapping[str, Any]:
        if arguments.query == "!broken":
            raise RuntimeError("the disk is on fire")
        if arguments.query == "!busy":
            raise ProductError("the index is being rebuilt", remedy="search again in a moment")
        words = arguments.query.lower().split()
        found = [
            {
                "title": Path(path).stem,
                "path": path,
                "type": None,
                "status": None,
                "score": 1.0,
                "snippet": " ".join(text.split())[:240],
                "related": [{"path": "Other.md", "title": "Other", "direction": "outgoing"}],
            }
            for path, text in self.texts().items()
            if words and all(word in text.lower() for word in words) and _below(path, arguments.only.folders)
        ]
        end = arguments.offset + (arguments.limit or USUAL)
        pipeline = {"bm25": "ok", "embedding": "disabled", "reranker": "disabled", "graph": "ok"}
        report = {**pipeline, "caller_agent": caller, "for_curation": arguments.for_curation}
        return {"query": arguments.query, "results": found[arguments.offset : end], "pipeline": report}

    async def related(self, arguments: RelatedArguments, caller: str | None) -> Mapping[str, Any]:
        texts = self.texts()
        path = next((p for p in texts if arguments.name in (p, Path(p).stem)), None)
        if path is None:
            return {"found": False, "error": f"no note {arguments.name}", "hint": "search for it"}
        targets = [p for p in texts if Path(p).stem in LINK.findall(texts[path])]
        nodes = [
            {"path": p, "title": Path(p).stem, "type": None, "status": None, "depth": 1, "direction": "outgoing"}
            for p in targets
        ]
        return {
            "center": {"path": path, "title": Path(path).stem, "type": None},
            "nodes": nodes,
            "edges": [{"from": path, "to": p} for p in targets],
            "stats": {"totalNodes": len(nodes), "totalEdges": len(nodes), "depth": arguments.depth},
        }

    async def map(self, arguments: MapArguments, caller: str | None) -> Mapping[str, Any]:
        texts = self.texts()
        linked = {target for text in texts.values() for target in LINK.findall(text)}
        orphans = [Path(p).stem for p, text in texts.items() if not LINK.search(text) and Path(p).stem not in linked]
        told = {"generated": "2026-01-01T00:00:00", "detail": "full" if arguments.full else "summary"}
        stats = {"documents": len(texts), "edges": len(linked), "orphans": len(orphans)}
        return {**told, "parts": list(arguments.parts), "stats": stats, "orphans": orphans}

    async def write(self, arguments: WriteArguments, caller: str | None, *, key: str, language: str) -> Written:
        path = self.root / arguments.path
        if isinstance(arguments, Create):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb") as file:
                    file.write(arguments.data)
            except FileExistsError:
                raise ProductError(f"{arguments.path} is there already", remedy="append to it") from None
            return Written(arguments.path, hints=("stamped",))
        assert isinstance(arguments, Append)
        if not path.exists():
            raise ProductError(f"there is no note {arguments.path}")
        path.write_bytes(draft.appended(path.read_bytes(), arguments.text))
        return Written(arguments.path)


@dataclass
class Heard:
    """What the endpoint warned of."""

    lines: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        self.lines.append(text)


def tools_over(memory: FolderMemory, language: str = "en") -> Tools:
    return Tools(memory, locale(language), str(memory.root))


@contextmanager
def serving(memory: FolderMemory, heard: Heard | None = None) -> Iterator[int]:
    """The port on which it answers, as long as the block lasts."""
    port = free_port()
    endpoint = Endpoint(Desk(tools_over(memory), version="1.2.3", log=heard or Heard()))
    front = Front(
        port=port,
        health=lambda nonce: {},
        metrics=str,
        rescan=lambda: None,
        reload=lambda: False,
        dedup=_no_hints,
        sessions=list,
        mcp=endpoint,
    )
    http = server(front, uid=os.getuid(), peer_uid=None, graceful=1.0)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    runner = asyncio.Runner()
    loop = runner.get_loop()
    thread = threading.Thread(target=lambda: runner.run(http.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield port  # the socket listens already: a client waits for the loop
    finally:
        loop.call_soon_threadsafe(http.end)
        thread.join(10)
        listener.close()
        assert not thread.is_alive()
        runner.close()


async def _no_hints(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"enabled": False, "matches": []}


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return not folders or any(path.startswith(f"{folder}/") for folder in folders)
