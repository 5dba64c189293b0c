"""Notes whose status is stale go to the archive, in a folder like the one they had, and come back. Pure but for moves.

`06_Agent_Memory/alpha/x.md` goes to `07_Archive/06_Agent_Memory/alpha/x.md`: whose it was, and what it was, stays to be
seen. Never overwrites; a name that is taken gets `-2`, `-3`, ….
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from iapeer_memory.domain.door import Files
from iapeer_memory.notes.versions import composed, versions
from iapeer_memory.notes.write import Changed, NoteWriter

GRACE = 600.0
"""Seconds that a stale note stays: somebody may be about to append to it."""
QUOTES = "\"'«»“”„"
MOST_TRIES = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """A note below one of the monitored folders. `status`: as in its frontmatter. `mtime`: epoch seconds."""

    path: str
    status: str | None
    mtime: float


@dataclass(frozen=True, slots=True)
class Move:
    """A note that goes to the archive."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """`moves`: due now. `waiting`: path, and seconds until it is due."""

    moves: tuple[Move, ...]
    waiting: tuple[tuple[str, float], ...]


def is_stale(status: str | None, stale: Collection[str]) -> bool:
    """Whether a raw status is one of the stale tokens, compared as search does: quotes and letter case aside."""
    return token(status) in stale


def token(status: str | None) -> str:
    """A raw status as the tokens are spelled."""
    return composed((status or "").strip().strip(QUOTES).strip()).lower()


def plan_archive(
    notes: Iterable[Candidate],
    *,
    archive: str,
    stale: Collection[str],
    taken: Callable[[str], bool],
    now: float,
    grace: float = GRACE,
) -> ArchivePlan:
    """What goes now and what later. `archive`: the folder's name; `taken`: whether a path exists in the vault."""
    moves: list[Move] = []
    waiting: list[tuple[str, float]] = []
    planned: set[str] = set()
    for note in notes:
        if not is_stale(note.status, stale) or note.path.startswith(f"{archive}/"):
            continue
        left = note.mtime + grace - now
        if 0 < left <= grace:
            waiting.append((note.path, left))
            continue
        target = free_name(f"{archive}/{note.path}", lambda path: taken(path) or folded(path) in planned)
        planned.add(folded(target))
        moves.append(Move(note.path, target))
    return ArchivePlan(tuple(moves), tuple(waiting))


def free_name(path: str, taken: Callable[[str], bool]) -> str:
    """The path, or the first of `<stem>-2.md`, `-3`, … that is free."""
    stem, dot, ending = path.rpartition(".") if "." in path.rpartition("/")[2] else (path, "", "")
    number, name = 1, path
    while taken(name):
        number += 1
        name = f"{stem}-{number}{dot}{ending}"
    return name


def folded(path: str) -> str:
    """A path as filesystems that ignore case and composition compare it."""
    return composed(path).casefold()


def archive_note(writer: NoteWriter, move: Move, *, expect: bytes | None = None, by: str = "") -> tuple[Changed, str]:
    """Move it, under the next free name where the planned one has been taken meanwhile; (outcome, where it went).

    `expect`: the bytes whose status was read; anything else leaves the note where it is.
    """
    tried: set[str] = set()
    target = move.target
    while True:
        changed = writer.move(move.path, target, writer=by, event="archived", expect=expect)
        if changed.status != "exists" or len(tried) >= MOST_TRIES:
            return changed, target
        tried.add(target)
        target = free_name(move.target, tried.__contains__)


def came_from(files: Files, history: str, path: str, *, archive: str) -> str:
    """Where an archived note lay before: as history knows, else by its place in the archive."""
    for version in versions(files, history, path):
        if version.event == "archived" and composed(version.other) == composed(path):
            return version.path
    return path.removeprefix(f"{archive}/")


def unarchive(writer: NoteWriter, path: str, target: str, *, by: str = "") -> Changed:
    """Bring an archived note back to its place; `exists` where another note has it now."""
    return writer.move(path, target, writer=by, event="unarchived")
