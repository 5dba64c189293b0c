"""Parts of an undirected graph, and the nodes that hold a part together. Pure; never recurses, so any size will do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

Graph = Mapping[str, Sequence[str]]
"""A node → its neighbours, each once, itself not among them."""


def undirected(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The graph over these nodes; edges to others and from a node to itself are left out."""
    ends: dict[str, dict[str, None]] = {node: {} for node in nodes}
    for one, other in edges:
        if one != other and one in ends and other in ends:
            ends[one][other] = None
            ends[other][one] = None
    return {node: list(around) for node, around in ends.items()}


def components(graph: Graph) -> list[list[str]]:
    """The connected parts, each in the order it is reached, parts by their first node."""
    seen: set[str] = set()
    parts = []
    for start in graph:
        if start not in seen:
            part = list(_reached(graph, start, seen))
            parts.append(part)
    return parts


def articulation_points(graph: Graph) -> list[str]:
    """Nodes whose removal would cut their part in two, in the order of the graph."""
    found: set[str] = set()
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    for root in graph:
        if root in order:
            continue
        order[root] = low[root] = len(order)
        stack: list[tuple[str, str | None, Iterator[str]]] = [(root, None, iter(graph[root]))]
        children = 0
        while stack:
            node, parent, ends = stack[-1]
            end = next(ends, None)
            if end is None:
                stack.pop()
                if parent is not None:
                    low[parent] = min(low[parent], low[node])
                    if parent != root and low[node] >= order[parent]:
                        found.add(parent)
            elif end not in order:
                order[end] = low[end] = len(order)
                children += node == root
                stack.append((end, node, iter(graph[end])))
            elif end != parent:
                low[node] = min(low[node], order[end])
        if children > 1:
            found.add(root)
    return [node for node in graph if node in found]


def sides(graph: Graph, point: str, *, most: int = 2) -> list[list[str]]:
    """What is left of the parts beside a node when it is taken away: the first `most`, by their first node."""
    seen = {point}
    parts: list[list[str]] = []
    for start in graph[point]:
        if len(parts) < most and start not in seen:
            part = list(_reached(graph, start, seen))
            parts.append(part)
    return parts


def _reached(graph: Graph, start: str, seen: set[str]) -> Iterator[str]:
    seen.add(start)
    waiting = [start]
    while waiting:
        node = waiting.pop()
        yield node
        for end in graph[node]:
            if end not in seen:
                seen.add(end)
                waiting.append(end)
