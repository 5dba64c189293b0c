"""What an index engine must do, as records and Protocols. No effect, no SQL.

One `Writer` at a time in the world; any number of `Reader`s, which never wait for it and see whole commits only. An
index is disposable: everything in it can be made again from the vault, so an engine that finds a store damaged,
foreign or of another parser raises `IndexBroken`, and whoever owns it calls `Engine.reset`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from iapeer_memory.domain.errors import ProductError


class IndexBroken(ProductError):
    """The store is damaged or not ours; it must be reset and filled again."""


class IndexFailed(ProductError):
    """The store cannot be read or written now (a full disk, a read-only folder); it may be later."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a note that is matched and shown as one: plain text without its note's title."""

    text: str


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """A note as an engine keeps it. `keys`: further searchable words (tags, description, file name)."""

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
    digest: str
    keys: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class NoteSummary:
    """What is known of a note without its text."""

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


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a question. `prefix`: words that begin with it match too."""

    text: str
    prefix: bool


@dataclass(frozen=True, slots=True)
class Match:
    """What to look for in one passage (its note's title and keys count as part of it): all words, or any."""

    words: tuple[Word, ...]
    every: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A note that matched. `score`: positive, greater is better. `places`: the engine's own keys of the passages that
    matched, best first; `Reader.texts` reads them."""

    path: str
    title: str
    type: str | None
    status: str | None
    author: str | None
    score: float
    places: tuple[int, ...]


class Reader(Protocol):
    """Questions. May be asked from any one thread at a time."""

    def match(self, match: Match, *, limit: int) -> tuple[Hit, ...]:
        """The best `limit` notes, one hit a note, best first, ties by path. Never raises for any words."""
        ...

    def texts(self, hit: Hit) -> tuple[str, ...]:
        """The passages of a hit, best first; those of a note that changed meanwhile are left out."""
        ...

    def opening(self, path: str) -> str:
        """The first passage of a note; "" when it has none or is not there."""
        ...

    def summaries(self) -> tuple[NoteSummary, ...]:
        """Every note, by path."""
        ...

    def count(self) -> int:
        """How many notes there are."""
        ...

    def interrupt(self) -> None:
        """Make a question that runs in another thread end early. Any thread."""
        ...

    def close(self) -> None: ...


class Writer(Protocol):
    """Changes. One thread."""

    def digests(self) -> Mapping[str, str]:
        """path → digest of every note."""
        ...

    def put(self, records: Sequence[NoteRecord]) -> None:
        """Add or replace these notes, all or none."""
        ...

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these notes, all or none; unknown paths are ignored."""
        ...

    def close(self) -> None: ...


class Engine(Protocol):
    """A store of notes."""

    def writer(self, fingerprint: str) -> Writer:
        """Open for writing, making the store if it is absent. `fingerprint` names what made the records (parser,
        locale); a store with another one is emptied. Raises IndexBroken."""
        ...

    def reader(self) -> Reader:
        """Open for reading. Raises IndexBroken, also where there is no store yet."""
        ...

    def reset(self) -> None:
        """Throw the store away. No writer or reader may be open."""
        ...
