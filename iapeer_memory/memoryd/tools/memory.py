"""The port behind the tools: what a memory must be able to do, and the checked arguments of each call. No effect.

Whoever implements it decides nothing about words: what reaches it has been read, bounded and resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from iapeer_memory.index.records import Filter

Payload: TypeAlias = Mapping[str, Any]
"""A JSON object of the tool's output schema."""
Part: TypeAlias = Literal["clusters", "hubs", "bridges", "orphans", "orphan_wikilinks", "active_to_archive_links"]

PARTS: tuple[Part, ...] = ("clusters", "hubs", "bridges", "orphans", "orphan_wikilinks", "active_to_archive_links")
USUAL_PARTS = PARTS[:4]


@dataclass(frozen=True, slots=True)
class SearchArguments:
    """`limit` None: as the host has set. `offset`: results to skip. `only`: which notes may be found; its folders are
    vault-relative, as are `preferred`, whose notes count for a little more."""

    query: str
    for_curation: bool = False
    limit: int | None = None
    offset: int = 0
    only: Filter = field(default_factory=Filter)
    preferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedArguments:
    """`name`: a vault-relative path, or a title. `depth`: 1 to 3."""

    name: str
    depth: int = 1


@dataclass(frozen=True, slots=True)
class MapArguments:
    """`parts`: sorted, at least one."""

    full: bool = False
    parts: tuple[Part, ...] = USUAL_PARTS


@dataclass(frozen=True, slots=True)
class Create:
    """A new note. `path`: vault-relative, in canon or in the caller's own memory; its folders may be missing.
    `data`: what it starts with, before it is stamped."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """More text at the end of a note. `path`: vault-relative, in canon or in the caller's own memory."""

    path: str
    text: str


WriteArguments: TypeAlias = Create | Append


@dataclass(frozen=True, slots=True)
class Written:
    """`path`: the note's, as on disk. `hints`: lines for its author, such as a tag that nobody registered."""

    path: str
    hints: tuple[str, ...] = ()


class Memory(Protocol):
    """`caller`: the peer that asks, where it is known; a claim, not a proof. All raise ProductError: its one line is
    what the agent is told."""

    async def search(self, arguments: SearchArguments, caller: str | None) -> Payload:
        """`{query, results, pipeline}`."""
        ...

    async def related(self, arguments: RelatedArguments, caller: str | None) -> Payload:
        """`{center, nodes, edges, stats}`; of a note that is not there `{found: false, error, hint}`."""
        ...

    async def map(self, arguments: MapArguments, caller: str | None) -> Payload:
        """`{generated, stats, detail, parts}` and one member a part."""
        ...

    async def write(self, arguments: WriteArguments, caller: str | None, *, key: str, language: str) -> Written:
        """Make the note, or lengthen it, and stamp it as any agent's write. A note that is there already is never
        made again; one that is not there is never lengthened; nothing is written through a link.

        `key`: what was written under it is not written again; "" for none. `language`: of the hints."""
        ...
