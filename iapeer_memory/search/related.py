"""What a note is linked with, breadth first. Pure over an index reader.

Source of shapes and rules: the reference core's `memory_related`. Links from agents' own memory are shown only around
agents' own memory: what an agent keeps for itself does not appear around shared notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import Neighbour, NoteSummary
from iapeer_memory.vault.layout import Locale

DEEPEST = 3
MOST_NODES = 200
"""Notes in one answer; the nearest are kept."""

MOST_NAMED = 5
"""Notes that are named when a title could mean several."""


@dataclass(frozen=True, slots=True)
class _Seen:
    note: Neighbour
    depth: int


def related(reader: Reader, locale: Locale, name: str, *, depth: int = 1) -> dict[str, Any]:
    """`{center, nodes, edges, stats}`, or `{found: False, error, hint}` where no note, or more than one, has that
    name. `name`: a vault-relative path, with or without `.md`, a file name, a title or an alias. Raises IndexBroken,
    IndexFailed."""
    wanted = name.strip()
    notes = reader.find(wanted)
    if not notes and not wanted.lower().endswith(".md"):
        notes = reader.find(f"{wanted}.md")
    if len(notes) != 1:
        return _not_found(wanted, notes)
    return _around(reader, locale, notes[0], max(1, min(depth, DEEPEST)))


def _not_found(name: str, notes: tuple[NoteSummary, ...]) -> dict[str, Any]:
    if not notes:
        hint = "Take a path from the results of memory_search, or give the exact title."
        return {"found": False, "error": f"no note is called {name[:200]!r}", "hint": hint}
    paths = "; ".join(note.path for note in notes[:MOST_NAMED])
    return {
        "found": False,
        "error": f"{len(notes)} notes are called {name[:200]!r}",
        "hint": f"Ask again with one of their paths: {paths}",
    }


def _around(reader: Reader, locale: Locale, center: NoteSummary, depth: int) -> dict[str, Any]:
    seen: dict[str, _Seen] = {}
    edges: dict[tuple[str, str], None] = {}
    level = [center.path]
    for step in range(1, depth + 1):
        around = reader.neighbours(level)
        following: list[str] = []
        for path in level:
            private = locale.folder_of(path) == "agent_memory"
            for end in around.get(path, ()):
                if end.direction == "incoming" and not private and locale.folder_of(end.path) == "agent_memory":
                    continue
                if end.path != center.path and end.path not in seen:
                    if len(seen) >= MOST_NODES:
                        continue
                    seen[end.path] = _Seen(end, step)
                    following.append(end.path)
                edges[(path, end.path) if end.direction == "outgoing" else (end.path, path)] = None
        level = following
        if not level:
            break
    nodes = [
        {
            "path": one.note.path,
            "title": one.note.title,
            "type": one.note.type,
            "status": one.note.status,
            "depth": one.depth,
            "direction": one.note.direction,
        }
        for one in seen.values()
    ]
    return {
        "center": {"path": center.path, "title": center.title, "type": center.type},
        "nodes": nodes,
        "edges": [{"from": source, "to": target} for source, target in edges],
        "stats": {"totalNodes": len(nodes), "totalEdges": len(edges), "depth": depth},
    }
