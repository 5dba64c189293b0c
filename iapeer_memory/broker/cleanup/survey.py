"""What lies below a folder that is about to go: how much, and whether something there must not. Never follows a link.

A mount below the folder leads into another tree, and a manifest below it is the sign of another cache: both stop the
deletion, as does anything that cannot be looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from iapeer_memory.broker.cleanup.sight import Inode
from iapeer_memory.broker.manifest_file import BESIDE
from iapeer_memory.domain.door import Files, FileStat
from iapeer_memory.domain.errors import FileRefused


@dataclass(frozen=True, slots=True)
class Survey:
    """`bytes`: of the files. `objection`: why the folder must stay, None when nothing speaks against deleting it."""

    bytes: int = 0
    objection: str | None = None


def survey(files: Files, place: str, found: FileStat, *, kept: Collection[Inode], signs: Collection[str]) -> Survey:
    """Look at all below `place`. `kept`: identities that must not be there. `signs`: manifests that may."""
    total = 0
    try:
        for path, one in walk(files, place, found):
            total += one.size if one.kind == "file" else 0
            if one.kind != "dir":
                if path.rpartition("/")[2] in BESIDE.values() and path not in signs:
                    return Survey(total, f"holds the manifest of another cache: {path}")
                continue
            if one.inode in kept:
                return Survey(total, f"holds {path}, which is never deleted")
            if one.inode[0] != found.inode[0]:
                return Survey(total, f"another file system is mounted at {path}")
            if one.uid != found.uid:
                return Survey(total, f"holds a folder of another user: {path}")
    except FileRefused as error:
        return Survey(total, f"cannot be looked at: {error.line()}")
    return Survey(total)


def walk(files: Files, place: str, found: FileStat) -> Iterator[tuple[str, FileStat]]:
    """Everything at and below a path, a folder before what is in it. Raises Unreadable."""
    pending = [(place, found)]
    while pending:
        path, one = pending.pop()
        yield path, one
        if one.kind != "dir":
            continue
        for name in reversed(files.list(path)):
            below = files.lstat(f"{path}/{name}")
            if below is not None:
                pending.append((f"{path}/{name}", below))


@dataclass(frozen=True, slots=True)
class Spare:
    """What a root excludes from its own deletion, and from that of any root around it or in it.

    A glob is held against a name and against the path from `place`; a folder that it names stays with all that is in
    it.
    """

    place: str
    globs: tuple[str, ...]

    def spares(self, path: str) -> bool:
        """Whether the path, or a folder that it is in, is excluded."""
        if not path.startswith(self.place + "/"):
            return False
        parts = path[len(self.place) + 1 :].split("/")
        for end in range(1, len(parts) + 1):
            way = "/".join(parts[:end])
            if any(fnmatchcase(way, glob) or fnmatchcase(parts[end - 1], glob) for glob in self.globs):
                return True
        return False

    def concerns(self, place: str) -> bool:
        """Whether the deletion of a path could meet what is excluded."""
        return f"{place}/".startswith(f"{self.place}/") or f"{self.place}/".startswith(f"{place}/")


def remove_sparing(files: Files, place: str, found: FileStat, spares: Sequence[Spare]) -> None:
    """Remove all at and below a path but what is excluded, with the folders around that. Raises OSError, Unreadable."""
    for path, one in reversed(list(walk(files, place, found))):
        if any(spare.spares(path) for spare in spares):
            continue
        if one.kind == "dir":
            files.rmdir(path)
        else:
            files.remove(path)
