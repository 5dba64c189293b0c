"""What renaming a peer would do to a vault. The dry run and the work share it; it reads and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ConfigError, ProductError, printable
from iapeer_memory.notes.archive import Move
from iapeer_memory.notes.conflict import has_conflict_marks
from iapeer_memory.notes.rename import Naming, clashes, moves
from iapeer_memory.vault.note import NOTE_LIMIT
from iapeer_memory.vault.walk import Rules, is_note_name, walk

NAMED = 5
"""Paths that a refusal names."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Paths are vault-relative. `moves`: of notes; `others`: of other files; `folders`: the old ones, deepest first.

    `edits`: path after the moves → what changes in the note. `unsettled`: notes with a conflict that somebody has to
    settle, left as they are. `unread`: a line for each note that cannot be read now, so nobody knows whom it names.
    `taken`: targets whose name is taken. `hindrances`: a line for each thing in the way.
    """

    naming: Naming
    moves: tuple[Move, ...]
    others: tuple[Move, ...]
    folders: tuple[str, ...]
    edits: dict[str, tuple[str, ...]]
    unsettled: tuple[str, ...]
    unread: tuple[str, ...]
    taken: tuple[str, ...]
    hindrances: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether the vault knows the old name: by a folder, or by a note that names it."""
        return bool(self.folders or self.edits)

    def left(self) -> tuple[str, ...]:
        """A line for each kind of note that stays as it is."""
        conflict = f"left, git's marks of a conflict stand in it: {some(self.unsettled)}" if self.unsettled else ""
        unread = f"left, whatever it says: {some(self.unread)}" if self.unread else ""
        return tuple(line for line in (conflict, unread) if line)

    def refuse(self) -> None:
        """Raises ConfigError where a part could not be done."""
        if self.taken:
            raise ConfigError(
                f"there is something of that name already: {some(self.taken)}",
                remedy="rename or merge those, then run the same command again",
            )
        if self.hindrances:
            raise ConfigError(some(self.hindrances), remedy="mend that, then run the same command again")


@dataclass(slots=True)
class Tree:
    """What lies below a folder. `files`: links among them, and those in `links` too. `folders`: deepest first, the
    folder itself last."""

    files: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    hindrances: list[str] = field(default_factory=list)

    def barred(self) -> list[str]:
        """What keeps files from being moved in here."""
        return [] if self.folders else self.hindrances


def survey(files: Files, root: str, naming: Naming) -> Survey:
    """Look at the whole vault, also where it is not indexed, but for what its owner leaves out with `.memoryignore`.

    Raises OSError, Unreadable.
    """
    trees = [(tree(files, root, old), tree(files, root, new)) for old, new in naming.folders()]
    found = [path for here, _ in trees for path in here.files]
    there = [path for _, beside in trees for path in beside.files]
    hindrances = [line for here, beside in trees for line in (*here.hindrances, *beside.barred())]
    others = tuple(path for path in (*found, *there) if not is_note(path))
    naming = replace(naming, attachments=tuple(dict.fromkeys(place_before(naming, path) for path in others)))
    planned = moves(naming, found)
    links = {path for here, _ in trees for path in here.links}
    edits, unsettled, unread = edits_of(files, root, naming)
    return Survey(
        naming,
        tuple(move for move in planned if is_note(move.path) and move.path not in links),
        tuple(move for move in planned if not is_note(move.path) or move.path in links),
        tuple(folder for here, _ in trees for folder in here.folders),
        edits,
        unsettled,
        unread,
        clashes(planned, there),
        tuple(hindrances),
    )


def edits_of(
    files: Files, root: str, naming: Naming
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...], tuple[str, ...]]:
    """(path afterwards → what changes, notes with a conflict, a line for each note that cannot be read)."""
    edits: dict[str, tuple[str, ...]] = {}
    unsettled: list[str] = []
    unread: list[str] = []
    for note in walk(files, root, Rules.of(()).read(files, root)):
        if note.kind == "unknown":
            unread.append(f"{printable(note.path)}: cannot be read")
        if note.kind != "note":
            continue
        try:
            data = files.read_optional(f"{root}/{note.path}", limit=NOTE_LIMIT) or b""
        except (ProductError, OSError) as error:
            unread.append(error.line() if isinstance(error, ProductError) else f"{printable(note.path)}: {error}")
            continue
        if naming.old.encode() not in data:
            continue
        if has_conflict_marks(data):
            unsettled.append(note.path)
        elif touched := naming.touched(data):
            edits[naming.place(note.path)] = touched
    return edits, tuple(unsettled), tuple(unread)


def tree(files: Files, root: str, folder: str) -> Tree:
    """Everything below a folder of the vault; follows no link."""
    result = Tree()
    stat = files.lstat(f"{root}/{folder}")
    if stat is None:
        return result
    if stat.kind != "dir":
        result.hindrances.append(f"{printable(folder)}: is a {stat.kind}, not a folder")
        return result
    _fill(files, root, folder, result)
    return result


def _fill(files: Files, root: str, folder: str, result: Tree) -> None:
    for name in files.list(f"{root}/{folder}"):
        path = f"{folder}/{name}"
        stat = files.lstat(f"{root}/{path}")
        if stat is None:
            continue
        if stat.kind == "dir":
            _fill(files, root, path, result)
        elif stat.kind in ("file", "link"):
            result.files.append(path)
            if stat.kind == "link":
                result.links.append(path)
            elif is_note(path) and stat.links > 1:
                result.hindrances.append(f"{printable(path)}: has another name elsewhere (a hard link)")
        else:
            result.hindrances.append(f"{printable(path)}: is a {stat.kind}")
    result.folders.append(folder)


def is_note(path: str) -> bool:
    """Whether the file at a path is a note by its name."""
    return is_note_name(path.rpartition("/")[2])


def place_before(naming: Naming, path: str) -> str:
    """Where a path was before."""
    for old, new in naming.folders():
        if path.startswith(f"{new}/"):
            return old + path[len(new) :]
    return path


def some(lines: tuple[str, ...]) -> str:
    """A few of them, and how many more."""
    more = len(lines) - NAMED
    return ", ".join(map(printable, lines[:NAMED])) + (f" and {more} more" if more > 0 else "")
