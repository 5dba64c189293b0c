"""What memoryd says of itself and of its tool to an MCP client, and how a call's arguments are read. Data and pure.

Source of names, parameters and hints: the reference core's MCP tools; `limit` is our addition.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iapeer_memory.search.engine import MOST_RESULTS

SEARCH = "memory_search"
TITLE = "Search the shared memory"
DESCRIPTION = (
    "Search the notes that all agents of this host share: facts, decisions, projects, ideas, lists and agents' own "
    "memory. Ask with a few telling words, in the notes' language; notes with all words in one passage come first, "
    "then notes with some of them. Returns ranked notes with title, vault path, type, status and the passage that "
    "matches. Outdated and archived notes are returned too, lower: mind the status. Read-only."
)

META: Mapping[str, Any] = {"anthropic/alwaysLoad": True}
"""Claude Code hides tools until its model looks for them; this one it shall see from the start."""

INPUT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "description": "What to look for: words, in any order."},
        "forCuration": {
            "type": "boolean",
            "default": False,
            "description": "For curators: rank other agents' memory like one's own.",
        },
        "limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_RESULTS,
            "description": "How many notes at most; without it, what the host has set.",
        },
    },
    "required": ["query"],
    "additionalProperties": False,
}

NULLABLE = {"type": ["string", "null"]}
RELATED = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "title": {"type": "string"},
        "direction": {"type": "string", "enum": ["outgoing", "incoming"]},
    },
    "required": ["path", "title", "direction"],
}
RESULT = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "path": {"type": "string", "description": "Relative to the vault."},
        "type": NULLABLE,
        "status": NULLABLE,
        "score": {"type": "number", "description": "Share of the best result's score."},
        "snippet": {"type": "string", "description": "The matching passage, matched words in [brackets]."},
        "related": {"type": "array", "items": RELATED},
    },
    "required": ["title", "path", "type", "status", "score", "snippet", "related"],
}
PIPELINE = {
    "type": "object",
    "properties": {
        "bm25": {"type": "string"},
        "embedding": {"type": "string"},
        "reranker": {"type": "string"},
        "graph": {"type": "string"},
        "caller_agent": NULLABLE,
        "for_curation": {"type": "boolean"},
    },
    "required": ["bm25", "embedding", "reranker", "graph", "caller_agent", "for_curation"],
}
OUTPUT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string"},
        "results": {"type": "array", "items": RESULT},
        "pipeline": PIPELINE,
    },
    "required": ["query", "results", "pipeline"],
}


@dataclass(frozen=True, slots=True)
class SearchArguments:
    """The arguments of a call, checked. `limit` None: as the host has set."""

    query: str
    for_curation: bool = False
    limit: int | None = None


def instructions(vault: str) -> str:
    """What a client puts before its model: what this server is for, and how to open what it finds."""
    return (
        "The long-term memory that all agents of this host share: markdown notes in one vault. Search it with "
        f"{SEARCH} before you rely on your own recollection, decide something, or start a task. Results are a snapshot "
        "of the index: to see the note as it is now, open it with your native Read, at its path below the vault "
        f"{' '.join(vault.split())}. Notes with a stale status and archived notes are still returned; mind the status "
        "and prefer current ones. This server only reads; write notes as files in the vault."
    )


def search_arguments(given: Mapping[str, Any] | None) -> SearchArguments | str:
    """The arguments, or what is wrong with them in one line."""
    values = dict(given or {})
    query = values.pop("query", None)
    curation = values.pop("forCuration", None)
    limit = values.pop("limit", None)
    if values:
        known = ", ".join(INPUT_SCHEMA["properties"])
        return f"{SEARCH}: unknown argument {', '.join(map(repr, sorted(values)))}; it takes {known}"
    if not isinstance(query, str) or not query:
        return f"{SEARCH}: query must be a text of at least one character"
    if curation is not None and not isinstance(curation, bool):
        return f"{SEARCH}: forCuration must be true or false"
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_RESULTS):
        return f"{SEARCH}: limit must be a whole number from 1 to {MOST_RESULTS}"
    return SearchArguments(query, bool(curation), limit)


def as_text(payload: Mapping[str, Any]) -> str:
    """The payload as the text of an answer."""
    return json.dumps(payload, indent=2, ensure_ascii=False)
