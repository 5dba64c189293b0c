"""A payload as text that fits: the same JSON, less what a reader misses least. Pure.

A client that reads only the text finds the shape of the structured answer, whatever had to go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iapeer_memory.memoryd.tools.compact import compact

QUERY = 200
SNIPPETS = (200, 160, 120, 80)
"""Characters to which snippets are cut, one try after the other."""


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def results(payload: Mapping[str, Any], most: int) -> str:
    """A search's payload in at most `most` bytes: whole if it fits; else without related notes, then with shorter
    snippets, then with fewer results and `left_out`, their number."""
    text = compact(payload)
    if size(text) <= most:
        return text
    items: list[dict[str, Any]] = [{**item, "related": []} for item in payload["results"]]
    brief = {**payload, "query": clipped(payload["query"], QUERY), "results": items}
    for width in SNIPPETS:
        text = compact(brief)
        if size(text) <= most:
            return text
        for item in items:
            item["snippet"] = clipped(item["snippet"], width)
    left_out = 0
    while size(text := compact({**brief, "left_out": left_out} if left_out else brief)) > most and items:
        items.pop()
        left_out += 1
    return text


def lists(payload: Mapping[str, Any], most: int) -> str:
    """Any payload in about `most` bytes: whole if it fits; else its longest lists are halved, and `<list>_truncated`
    says how many of its entries are missing."""
    text = compact(payload)
    brief: dict[str, Any] = {key: list(value) if isinstance(value, list) else value for key, value in payload.items()}
    while size(text) > most:
        sizes = {key: size(compact(value)) for key, value in brief.items() if isinstance(value, list) and value}
        if not sizes:
            break
        longest = max(sizes, key=lambda key: sizes[key])
        kept = len(brief[longest]) // 2
        told = f"{longest}_truncated"
        brief[told] = brief.get(told, 0) + len(brief[longest]) - kept
        brief[longest] = brief[longest][:kept]
        text = compact(brief)
    return text


def clipped(text: str, width: int) -> str:
    """At most that many characters, with a mark where something was cut."""
    return text if len(text) <= width else text[: width - 2].rstrip() + " …"
