"""What is kept of notes, what is asked and what is found: the records that an engine and its callers exchange.

Paths are vault-relative, with `/`, spelled as on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Direction = Literal["outgoing", "incoming"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a note that is matched and shown as one: plain text without its note's title. `headings`: the titles
    of the sections it stands in, outermost first, then of those that begin in it."""

    text: str
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link as it stands in a note: `target` as written, without heading and alias; `snippet`: the words around."""

    target: str
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class NoteSummary:
    """What is known of a note without its text. `reviewed` False: its `needs_review` is true. `aliases`: further names
    by which links may call it."""

    path: str
    title: str
    type: str | None
    subtype: str | None
    status: str | None
    description: str | None
    tags: tuple[str, ...]
    author: str | None
    coauthors: tuple[str, ...]
    created: str | None
    updated: str | None
    last_edited_by: str | None = None
    reviewed: bool = True
    aliases: tuple[str, ...] = ()
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """A note as an engine keeps it. `digest`: of its bytes. `keys`: further searchable words (tags, description, file
    name). `links`: in order, each target once."""

    summary: NoteSummary
    digest: str
    keys: str
    passages: tuple[Passage, ...]
    links: tuple[LinkRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a question, as it was asked. `prefix`: words that begin with it match too."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow each other: a quoted phrase, or an identifier, a path, an error text taken apart."""

    words: tuple[Word, ...]


Term: TypeAlias = Word | Phrase


@dataclass(frozen=True, slots=True)
class Match:
    """What to look for in one passage (its note's title, headings and keys count as part of it): all terms, or any.
    Each term is a group of alternatives, of which one is enough."""

    terms: tuple[tuple[Term, ...], ...]
    every: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Which notes may be found; an empty part allows all. Texts are compared without letter case. `folders`: the note
    lies below one of these vault-relative folders. `tags`: it has one of them, or one below it (`a` admits `a/b`).
    `authors`: author or coauthor. `since`: its `updated` or else `created` is not earlier (text `YYYY-MM-DD…`)."""

    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    since: str | None = None

    @property
    def empty(self) -> bool:
        """Whether every note may be found."""
        return not (self.types or self.statuses or self.tags or self.authors or self.folders or self.since)


class Hit(NamedTuple):
    """A note that matched. `score`: positive, greater is better. `places`: the engine's own keys of the passages that
    matched, best first, at most six; `Reader.passages` and `Reader.streams` read them. `backlinks`: how many notes link
    to it."""

    path: str
    title: str
    type: str | None
    status: str | None
    author: str | None
    score: float
    places: tuple[int, ...]
    backlinks: int = 0


class Neighbour(NamedTuple):
    """A note at the other end of a link. `degree`: how many notes it is linked with, either way; `backlinks`: how many
    link to it."""

    path: str
    title: str
    type: str | None
    status: str | None
    direction: Direction
    degree: int
    backlinks: int = 0


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A link whose target is no note (`missing`) or more than one (`ambiguous`)."""

    source: str
    target: str
    reason: Literal["missing", "ambiguous"]


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """Every resolved link as (source, target, snippet), by source then target; and those that lead nowhere."""

    edges: tuple[tuple[str, str, str], ...]
    unresolved: tuple[Unresolved, ...]


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A passage that has no vector yet. `key`: the engine's own; `text`: what to embed (title and passage)."""

    key: int
    text: str
