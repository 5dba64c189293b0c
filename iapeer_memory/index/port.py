"""What an index engine must do, as Protocols over `index.records`. No effect, no SQL.

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
from typing import TYPE_CHECKING, Protocol

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.index.records import (
    Filter,
    Hit,
    LinkGraph,
    Match,
    Neighbour,
    NoteRecord,
    NoteSummary,
    Unembedded,
)

if TYPE_CHECKING:
    from iapeer_memory.index.stems import Stemmer


class IndexBroken(ProductError):
    """The store is damaged or not ours; it must be reset and filled again."""


class IndexFailed(ProductError):
    """The store cannot be read or written now (a full disk, a read-only folder); it may be later."""


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
