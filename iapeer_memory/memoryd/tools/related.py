"""`memory_related`: what a note is linked with.

Source of the name, `path`, `depth` and the payload: the reference core's MCP tools; `title` is an addition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iapeer_memory.memoryd.tools import schema, shortening
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.memory import Memory, RelatedArguments
from iapeer_memory.memoryd.tools.places import relative
from iapeer_memory.memoryd.tools.reading import Given
from iapeer_memory.memoryd.tools.tool import Outcome, Tool

NAME = "memory_related"
DEEPEST = 3
LONGEST = 4_096
LARGEST = 16_000
"""Bytes of an answer; a hub has more neighbours than a model can use."""

INPUTS: Mapping[str, Any] = {
    "path": schema.text("The note, relative to the vault."),
    "title": schema.text("Or its title, file name or alias."),
    "depth": {"type": "integer", "minimum": 1, "maximum": DEEPEST, "default": 1},
}
NODE = schema.record(
    path=schema.TEXT,
    title=schema.TEXT,
    type=schema.NULLABLE,
    status=schema.NULLABLE,
    depth=schema.WHOLE,
    direction=schema.TEXT,
)
OUTPUTS: Mapping[str, Any] = {
    "center": schema.record(path=schema.TEXT, title=schema.TEXT, type=schema.NULLABLE),
    "nodes": schema.many(NODE),
    "edges": schema.many(schema.holding("from", "to")),
    "stats": schema.holding("totalNodes", "totalEdges", "depth"),
    "found": schema.FLAG,
    "error": schema.TEXT,
    "hint": schema.TEXT,
}
TOOL = Tool(
    name=NAME,
    title="Notes linked with a note",
    description="The notes that a note links to and that link to it, up to three steps away.",
    input_schema=schema.inputs(INPUTS),
    output_schema=schema.record(**OUTPUTS),
)


def read(arguments: Mapping[str, Any], vault: str) -> RelatedArguments:
    """The arguments, checked. Raises BadArguments."""
    given = Given(NAME, arguments, INPUTS)
    path, title = given.text("path", LONGEST), given.text("title", LONGEST)
    if (path is None) == (title is None):
        raise given.wrong("give path or title, one of the two")
    name = relative(path, vault) if path is not None else title or ""
    return RelatedArguments(name, given.whole("depth", 1, DEEPEST) or 1)


async def call(arguments: RelatedArguments, asker: Asker, memory: Memory) -> Outcome:
    """Look up. Raises ProductError."""
    payload = await memory.related(arguments, asker.caller)
    text = shortening.lists(payload, asker.settings.context_budget or LARGEST)
    return Outcome(text, text)
