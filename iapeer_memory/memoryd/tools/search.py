"""`memory_search`: from words to ranked notes.

Source of the name, `query`, `forCuration` and the payload: the reference core's MCP tools; the filters, `limit` and
`offset` are additions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iapeer_memory.attach.settings import SessionSettings
from iapeer_memory.index.records import Filter
from iapeer_memory.memoryd.tools import schema, shortening
from iapeer_memory.memoryd.tools.asker import Asker
from iapeer_memory.memoryd.tools.compact import compact
from iapeer_memory.memoryd.tools.memory import Memory, SearchArguments
from iapeer_memory.memoryd.tools.places import folders_named
from iapeer_memory.memoryd.tools.reading import Given
from iapeer_memory.memoryd.tools.tool import Outcome, Tool
from iapeer_memory.vault.layout import Locale

NAME = "memory_search"
MOST_RESULTS = 50
FARTHEST = 1_000
LONGEST_QUERY = 10_000
LONGEST_WORD = 200
TEXT = 4_000
"""Bytes of the text of an answer whose length nobody asked for."""
TEXT_EACH = 600
"""Bytes a result, where more are asked for."""
UNSET = SessionSettings()

INPUTS: Mapping[str, Any] = {
    "query": schema.text('Words in any order, "a phrase", an identifier, a path.', minLength=1),
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_RESULTS},
    "offset": {"type": "integer", "minimum": 0, "maximum": FARTHEST, "description": "Results to skip."},
    "type": schema.text("Several with commas; so too status, tag, author."),
    "status": schema.TEXT,
    "tag": schema.text("A tag holds those below it."),
    "author": schema.TEXT,
    "folder": schema.text("A path, or knowledge, decisions, projects, ideas, lists, agent_memory."),
    "since": schema.text("Changed since YYYY-MM-DD."),
    "forCuration": {
        **schema.FLAG,
        "default": False,
        "description": "Curators: rank others' memory like one's own.",
    },
}
RELATED = schema.holding("path", "title", "direction")
RESULT = schema.whole(
    title=schema.TEXT,
    path=schema.TEXT,
    type=schema.NULLABLE,
    status=schema.NULLABLE,
    score={"type": "number"},
    snippet=schema.TEXT,
    related=schema.many(RELATED),
)
PIPELINE = schema.holding("bm25", "embedding", "reranker", "graph", "caller_agent", "for_curation")
TOOL = Tool(
    name=NAME,
    title="Search the shared memory",
    description=(
        "Search the notes that all agents of this host share: facts, decisions, projects, ideas, lists, agents' own "
        "memory. Ask with a few telling words, in the notes' language. Returns ranked notes: title, vault path, type, "
        "status, and the passage that matches with its words in [brackets]. Outdated and archived notes come too, "
        "lower: mind the status."
    ),
    input_schema=schema.inputs(INPUTS, "query"),
    output_schema=schema.whole(query=schema.TEXT, results=schema.many(RESULT), pipeline=PIPELINE),
    open_world=True,
    always=True,
)


def read(
    arguments: Mapping[str, Any], locale: Locale, vault: str, settings: SessionSettings = UNSET
) -> SearchArguments:
    """The arguments, checked; what they leave open is as the session has set. Raises BadArguments."""
    given = Given(NAME, arguments, INPUTS)
    query = given.text("query", LONGEST_QUERY)
    if query is None:
        raise given.wrong("query must be a text of at least one character")
    folder = given.line("folder", LONGEST_WORD)

    def words(name: str) -> tuple[str, ...]:
        return given.lines(name, LONGEST_WORD, commas=True)

    only = Filter(
        types=words("type"),
        statuses=words("status"),
        tags=tuple(tag.lstrip("#") for tag in words("tag")),
        authors=words("author"),
        folders=() if folder is None else folders_named(folder, locale, vault),
        since=given.day("since"),
    )
    return SearchArguments(
        query,
        given.flag("forCuration"),
        given.whole("limit", 1, MOST_RESULTS) or settings.results,
        given.whole("offset", 0, FARTHEST) or 0,
        only,
        tuple(folder for one in settings.folders for folder in folders_named(one, locale, vault)),
    )


async def call(arguments: SearchArguments, asker: Asker, memory: Memory) -> Outcome:
    """Search. A session's budget holds for all of the answer, whichever half of it a client reads. Raises
    ProductError."""
    payload = await memory.search(arguments, asker.caller)
    budget = asker.settings.context_budget
    text = shortening.results(payload, budget or max(TEXT, TEXT_EACH * (arguments.limit or 0)))
    return Outcome(text, text if budget else compact(payload))
