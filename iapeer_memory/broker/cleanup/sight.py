"""Where a path of a manifest really is, and whether two of them overlap. Looks, never changes anything.

Two names may lead to one folder: through a link, a bind mount, or letters whose case the file system ignores. So paths
are compared as text without links, and by the identity of the folders above them.
"""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import basename, dirname, normpath

from iapeer_memory.domain.door import Files, FileStat

Inode = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """One path as it is now.

    `place`: without links but for the last part; `found`: what lies there; `above`: the folders above it. `target`:
    without any link; `own`: what lies there; `target_above`: the folders above that. None and () where nothing is.
    """

    path: str
    place: str
    found: FileStat | None
    above: frozenset[Inode]
    target: str
    own: FileStat | None
    target_above: frozenset[Inode]


def plain(path: str) -> str | None:
    """The path without a slash at its end; None for one that is relative, goes up, or is not a path at all."""
    trimmed = path.rstrip("/")
    if not trimmed.startswith("/") or trimmed.startswith("//") or "\0" in path or normpath(trimmed) != trimmed:
        return None
    return trimmed


def sight(files: Files, path: str) -> Sight | None:
    """The path as it is now; None for one that is not plain. Raises Unreadable."""
    trimmed = plain(path)
    if trimmed is None:
        return None
    parent = files.realpath(dirname(trimmed))
    place = f"{parent.rstrip('/')}/{basename(trimmed)}"
    target = files.realpath(trimmed)
    return Sight(
        path,
        place,
        files.lstat(place),
        _identities(files, parent),
        target,
        files.stat(target),
        _identities(files, dirname(target)),
    )


def meant(files: Files, path: str) -> Sight | None:
    """As `sight`, and for a path that is absolute and not plain what the system takes it for. To keep, not to delete.

    Raises Unreadable.
    """
    seen = sight(files, path)
    if seen is None and path.startswith("/") and "\0" not in path:
        return sight(files, files.realpath(path))
    return seen


def takes(root: Sight, kept: Sight) -> bool:
    """Whether deleting `root` would delete `kept`, a part of it, or the link that leads there."""
    if _is_under(kept.place, root.place) or _is_under(kept.target, root.place):
        return True
    if root.found is None or root.found.kind != "dir":
        return False
    own = frozenset() if kept.own is None else frozenset((kept.own.inode,))
    return root.found.inode in own | kept.above | kept.target_above


def lies_in(root: Sight, kept: Sight) -> bool:
    """Whether `root` is a part of what `kept` names."""
    if _is_under(root.place, kept.place) or _is_under(root.place, kept.target):
        return True
    return kept.own is not None and kept.own.inode in root.above


def overlap(root: Sight, kept: Sight) -> bool:
    """Whether one holds the other."""
    return takes(root, kept) or lies_in(root, kept)


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _identities(files: Files, folder: str) -> frozenset[Inode]:
    """The folder and all above it, as far as they are there."""
    found: set[Inode] = set()
    while True:
        one = files.stat(folder)
        if one is not None:
            found.add(one.inode)
        if folder == dirname(folder):
            return frozenset(found)
        folder = dirname(folder)
