"""What an index engine must do, as records and Protocols. No effect, no SQL.

One `Writer` at a time in the world; any number of `Reader`s, which never wait for it and see whole commits only. An
index is disposable: everything in it can be made again from the vault, so an engine that finds a store damaged,
foreign or of another parser raises `IndexBroken`, and whoever owns it calls `Engine.reset`.

An engine knows words, not languages: it is given texts, stems them with the one stemmer of `index.stems` when it
stores them, and looks for the stems of a question. Paths are vault-relative, with `/`, spelled as on disk; a lookup
takes any composition (NFC, NFD).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from iapeer_memory.domain.errors import ProductError

if TYPE_CHECKING:
    from iapeer_memory.index.stems import Stemmer


class IndexBroken(ProductError):
    """The store is damaged or not ours; it must be reset and filled again."""


class IndexFailed(ProductError):
    """The store cannot be read or written now (a full disk, a read-only folder); it may be later."""


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


class Reader(Protocol):
    """Questions. May be asked from any one thread at a time. `stemmer`: makes the stems that are looked for, and knows
    those of the words that occur."""

    @property
    def stemmer(self) -> Stemmer: ...

    def snapshot(self) -> AbstractContextManager[None]:
        """All questions within it see one state of the store."""
        ...

    def match(self, match: Match, *, limit: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """The best `limit` notes, one hit a note, best first, ties by path. Never raises for any words."""
        ...

    def nearest(self, vector: Sequence[float], *, limit: int, only: Filter | None = None) -> tuple[Hit, ...]:
        """The notes whose best passage is nearest, by cosine similarity (the score, -1 to 1), best first. () when no
        vectors of that length are kept."""
        ...

    def spelled_like(self, word: str, *, limit: int) -> tuple[str, ...]:
        """Words as they occur, folded, that are one edit away (a letter more, less or other, or two swapped), most
        frequent first. To be asked as words again: they are no stems."""
        ...

    def spread(self, words: Sequence[str]) -> Mapping[str, int]:
        """Of each word: in how many notes its stem occurs, about where those are many; 0 where it occurs nowhere."""
        ...

    def passages(self, hits: Sequence[Hit]) -> tuple[tuple[str, ...], ...]:
        """The texts that matched of each hit, best first; those of a note that changed meanwhile are left out."""
        ...

    def streams(self, hits: Sequence[Hit]) -> tuple[tuple[str, ...], ...]:
        """The same as stems in a row, blanks between."""
        ...

    def opening(self, path: str) -> str:
        """The first passage of a note; "" when it has none or is not there."""
        ...

    def find(self, name: str) -> tuple[NoteSummary, ...]:
        """Notes of that path; else of that file name or title or alias, letter for letter but for composition; else
        without letter case. By path; () when there is none."""
        ...

    def neighbours(self, paths: Sequence[str], *, most: int | None = None) -> Mapping[str, tuple[Neighbour, ...]]:
        """Of each note that is linked: its neighbours, greatest degree first, ties by path; a note that is linked both
        ways stands there twice. `most`: only the first so many of a note's, and each note once. A link to itself is
        none."""
        ...

    def graph(self) -> LinkGraph:
        """All links."""
        ...

    def linked(self, paths: Iterable[str]) -> Mapping[str, int]:
        """Of each of these notes that is linked: how many notes link to it, plus to how many things it links, known
        notes or not. A link to itself is none."""
        ...

    def statuses(self) -> Mapping[str, str]:
        """path → status of every note that has one."""
        ...

    def summaries(self, only: Filter | None = None) -> Iterator[NoteSummary]:
        """Every note that may be found, by path, one after the other; none is held back for who does not keep it."""
        ...

    def count(self) -> int:
        """How many notes there are."""
        ...

    def digests(self) -> Mapping[str, str]:
        """path → digest of every note."""
        ...

    def doubtful(self) -> tuple[str, ...]:
        """Notes whose rows are not what was stored for their digest, by path. Reads everything but the words that are
        matched: those only a writer can prove."""
        ...

    def interrupt(self) -> None:
        """Make a question that runs in another thread end early. Any thread."""
        ...

    def close(self) -> None: ...


class Writer(Protocol):
    """Changes. One thread."""

    def digests(self, paths: Iterable[str] | None = None, *, below: str = "") -> Mapping[str, str]:
        """path → digest of every note, or of those of these paths, or of those below that folder."""
        ...

    def count(self) -> int:
        """How many notes there are."""
        ...

    def put(self, records: Sequence[NoteRecord]) -> None:
        """Add or replace these notes, all or none."""
        ...

    def forget(self, paths: Iterable[str]) -> None:
        """Drop these notes, all or none; unknown paths are ignored. Links to them lead nowhere from then on."""
        ...

    def resolve(self) -> None:
        """Resolve what links say, after `put` and `forget`: by path, else by file name, title or alias. A link whose
        target is not there waits for it; one that could mean two notes is never guessed."""
        ...

    def doubtful(self) -> tuple[str, ...]:
        """Notes whose rows are not what was stored for their digest: they must be put again. Reads everything. Raises
        IndexBroken when what is matched is not what is shown."""
        ...

    def tidy(self, *, whole: bool = False) -> bool:
        """One short step of letting the words of dropped notes leave the store; whether there is more to do. Texts
        leave it at once, their words when it is worth it, or now (`whole`)."""
        ...

    def use_vectors(self, model: str | None) -> None:
        """Name what makes the vectors (model and dimensions); those of another are dropped. None: drop none, add
        none."""
        ...

    def unembedded(self, limit: int) -> tuple[Unembedded, ...]:
        """Passages without a vector, oldest first."""
        ...

    def unembedded_count(self) -> int:
        """How many passages have no vector; 0 where none are wanted."""
        ...

    def embed(self, vectors: Sequence[tuple[int, Sequence[float]]]) -> int:
        """Store (key, vector) pairs; how many of the passages still exist. A vector of a passage that is gone is
        dropped."""
        ...

    def close(self) -> None: ...


class Engine(Protocol):
    """A store of notes."""

    def writer(self, fingerprint: str) -> Writer:
        """Open for writing, making the store if it is absent. `fingerprint` names what made the records (parser,
        locale, stemmer); a store with another one is emptied. Raises IndexBroken."""
        ...

    def reader(self) -> Reader:
        """Open for reading. Raises IndexBroken, also where there is no store yet."""
        ...

    def reset(self) -> None:
        """Throw the store away. No writer or reader may be open."""
        ...
