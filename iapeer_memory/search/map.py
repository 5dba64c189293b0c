"""The shape of the vault: clusters, hubs, bridges, orphans, dangling links. Pure over an index reader.

Source of shapes and rules: the reference core's `memory_map`. Agents' own memory and the archive are not part of the
graph; dangling links are those of the whole vault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.index.port import Reader
from iapeer_memory.index.records import LinkGraph, NoteSummary
from iapeer_memory.search import graph
from iapeer_memory.vault.layout import Locale

Detail = Literal["summary", "full"]
Part = Literal["clusters", "hubs", "bridges", "orphans", "orphan_wikilinks", "active_to_archive_links"]

PARTS: tuple[Part, ...] = ("clusters", "hubs", "bridges", "orphans", "orphan_wikilinks", "active_to_archive_links")
DEFAULT_PARTS = PARTS[:4]
HUB_FROM = 5
"""Links, either way, from which a note is a hub."""

MOST_HUBS = 20
MOST_TOP_NODES = 5
MOST_LISTED = 200
"""Entries of every other list in a summary; `<list>_truncated` says how many were left out."""

MOST_BRIDGES = 200
"""Bridges whose sides are measured, the most linked first, in a full map too: each costs a walk through its part."""


@dataclass(frozen=True, slots=True)
class _View:
    """The graph and what the parts need of it."""

    notes: Mapping[str, NoteSummary]
    edges: tuple[tuple[str, str], ...]
    graph: graph.Graph
    into: Counter[str]
    out: Counter[str]
    clusters: list[list[str]]
    bridges: list[str]
    links: LinkGraph
    to_archive: tuple[tuple[str, str, str], ...]

    def degree(self, path: str) -> int:
        """Links either way."""
        return self.into[path] + self.out[path]

    @property
    def hubs(self) -> list[str]:
        """The most linked notes, by degree."""
        linked = [path for path in self.notes if self.degree(path) >= HUB_FROM]
        return sorted(linked, key=lambda path: (-self.degree(path), path))

    @property
    def orphans(self) -> list[str]:
        """Notes without any link."""
        return sorted(path for path, ends in self.graph.items() if not ends)


def vault_map(
    reader: Reader, locale: Locale, *, generated: str, detail: Detail = "summary", parts: Sequence[Part] = ()
) -> dict[str, Any]:
    """`{generated, stats, detail, parts, …}`, one key for each part asked for (none: the first four). `generated`: now,
    ISO. Raises IndexBroken, IndexFailed."""
    view = _view(reader, locale)
    wanted = sorted(set(parts) or set(DEFAULT_PARTS))
    answer: dict[str, Any] = {"generated": generated, "stats": _stats(view), "detail": detail, "parts": wanted}
    for part in PARTS:
        if part in wanted:
            listed = WRITERS[part](view, detail)
            most = len(listed) if detail == "full" else MOST_HUBS if part == "hubs" else MOST_LISTED
            answer[part] = listed[:most]
            if len(listed) > most:
                answer[f"{part}_truncated"] = len(listed) - most
    return answer


def _view(reader: Reader, locale: Locale) -> _View:
    links = reader.graph()
    notes = {
        note.path: note for note in reader.summaries() if locale.folder_of(note.path) not in ("agent_memory", "archive")
    }
    pairs = dict.fromkeys((source, target) for source, target, _ in links.edges)
    edges = tuple(pair for pair in pairs if pair[0] in notes and pair[1] in notes and pair[0] != pair[1])
    joined = graph.undirected(notes, edges)
    clusters = [part for part in graph.components(joined) if len(part) > 1]
    clusters.sort(key=lambda part: (-len(part), min(part)))
    return _View(
        notes=notes,
        edges=edges,
        graph=joined,
        into=Counter(target for _, target in edges),
        out=Counter(source for source, _ in edges),
        clusters=clusters,
        bridges=graph.articulation_points(joined),
        links=links,
        to_archive=tuple(edge for edge in links.edges if edge[0] in notes and locale.folder_of(edge[1]) == "archive"),
    )


def _stats(view: _View) -> dict[str, int]:
    return {
        "documents": len(view.notes),
        "edges": len(view.edges),
        "clusters": len(view.clusters),
        "hubs": len(view.hubs),
        "bridges": len(view.bridges),
        "orphans": len(view.orphans),
        "orphan_wikilinks": len(view.links.unresolved),
        "active_to_archive_links": len(view.to_archive),
    }


def _clusters(view: _View, detail: Detail) -> list[dict[str, Any]]:
    return [_cluster(view, part, detail) for part in view.clusters]


def _cluster(view: _View, part: Sequence[str], detail: Detail) -> dict[str, Any]:
    ranked = sorted(part, key=lambda path: (-view.degree(path), path))
    hub = ranked[0] if view.degree(ranked[0]) >= HUB_FROM else None
    shown: dict[str, Any] = {
        "name": _cluster_name(view, ranked),
        "size": len(part),
        "hub": {"title": view.notes[hub].title, "degree": view.degree(hub)} if hub else None,
    }
    if detail == "full":
        shown["nodes"] = sorted(map(_base, part))
    else:
        shown["top_nodes"] = [_base(path) for path in ranked if path != hub][:MOST_TOP_NODES]
    return shown


def _cluster_name(view: _View, ranked: Sequence[str]) -> str:
    """The most frequent top-level tag, ties by the alphabet; without tags the title of the most linked note."""
    tags = Counter(
        tag for path in ranked for tag in dict.fromkeys(t.partition("/")[0] for t in view.notes[path].tags) if tag
    )
    return min(tags, key=lambda tag: (-tags[tag], tag)) if tags else view.notes[ranked[0]].title


def _hubs(view: _View, _: Detail) -> list[dict[str, Any]]:
    return [
        {"title": view.notes[p].title, "in": view.into[p], "out": view.out[p], "total": view.degree(p)}
        for p in view.hubs
    ]


def _bridges(view: _View, _: Detail) -> list[dict[str, Any]]:
    ranked = sorted(view.bridges, key=lambda path: (-view.degree(path), path))[:MOST_BRIDGES]
    return [
        {
            "title": view.notes[path].title,
            "connects": [_side(view, side) for side in graph.sides(view.graph, path)],
        }
        for path in ranked
    ]


def _side(view: _View, side: Sequence[str]) -> str:
    most = min(side, key=lambda path: (-view.degree(path), path))
    return f"{view.notes[most].title} (n={len(side)})"


def _orphans(view: _View, _: Detail) -> list[str]:
    return [_base(path) for path in view.orphans]


def _dangling(view: _View, _: Detail) -> list[dict[str, str]]:
    return [{"source": link.source, "target": link.target, "reason": link.reason} for link in view.links.unresolved]


def _to_archive(view: _View, _: Detail) -> list[dict[str, str]]:
    return [
        {"source": source, "target": target, "contextSnippet": snippet} for source, target, snippet in view.to_archive
    ]


WRITERS: Mapping[Part, Callable[[_View, Detail], list[Any]]] = {
    "clusters": _clusters,
    "hubs": _hubs,
    "bridges": _bridges,
    "orphans": _orphans,
    "orphan_wikilinks": _dangling,
    "active_to_archive_links": _to_archive,
}


def _base(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".md")
