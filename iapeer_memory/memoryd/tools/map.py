"""`memory_map`: the whole of the shared notes at a glance.

Source of the name, parameters and payload: the reference core's MCP tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from iapeer_memory.memoryd.tools import schema, shortening
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.memory import PARTS, USUAL_PARTS, MapArguments, Memory, Part
from iapeer_memory.memoryd.tools.reading import Given
from iapeer_memory.memoryd.tools.tool import Outcome, Tool

NAME = "memory_map"
DETAILS = ("summary", "full")
LARGEST, LARGEST_IN_FULL = 16_000, 100_000
"""Bytes of an answer; beyond, its longest lists are halved."""

INPUTS: Mapping[str, Any] = {
    "detail": {"type": "string", "enum": list(DETAILS), "default": DETAILS[0]},
    "parts": {
        "type": "array",
        "items": {"type": "string", "enum": list(PARTS)},
        "description": "Without it the first four.",
    },
}
OUTPUTS: Mapping[str, Any] = {
    "generated": schema.TEXT,
    "detail": schema.TEXT,
    "parts": schema.TEXTS,
    "stats": {"type": "object", "additionalProperties": schema.WHOLE},
    "clusters": schema.LIST,
    "hubs": schema.LIST,
    "hubs_truncated": schema.WHOLE,
    "bridges": schema.LIST,
    "orphans": schema.TEXTS,
    "orphan_wikilinks": schema.LIST,
    "active_to_archive_links": schema.LIST,
}
TOOL = Tool(
    name=NAME,
    title="Map of the shared memory",
    description=(
        "How the shared notes hang together: clusters, hubs, bridges, orphans, links that lead nowhere or into the "
        "archive."
    ),
    input_schema=schema.inputs(INPUTS),
    output_schema={"type": "object", "properties": OUTPUTS, "required": ["generated", "detail", "parts", "stats"]},
)


def read(arguments: Mapping[str, Any]) -> MapArguments:
    """The arguments, checked. Raises BadArguments."""
    given = Given(NAME, arguments, INPUTS)
    parts = given.lines("parts", 100)
    if not set(parts) <= set(PARTS):
        raise given.wrong(f"parts must be some of {', '.join(PARTS)}")
    chosen = cast("tuple[Part, ...]", tuple(sorted(parts or USUAL_PARTS)))
    return MapArguments(given.choice("detail", DETAILS) == "full", chosen)


async def call(arguments: MapArguments, asker: Asker, memory: Memory) -> Outcome:
    """Draw it. Raises ProductError."""
    payload = await memory.map(arguments, asker.caller)
    usual = LARGEST_IN_FULL if arguments.full else LARGEST
    text = shortening.lists(payload, asker.settings.context_budget or usual)
    return Outcome(text, text)
