"""What the writes of a dry run have put where, over what the disk has. Never changes the host.

A map from a place (a path without links) to what a write has put there. Whatever is not in it, and not hidden by a
folder that was removed or newly made in it, is the disk's.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from typing import Literal

from iapeer_memory.domain.door import Clock, Files, FileStat
from iapeer_memory.domain.errors import Unreadable

MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Node:
    """What a write has put at a place. `origin`: the real file whose bytes it has; `over`: a real folder shows
    through."""

    kind: Literal["file", "dir", "link", "gone"]
    mode: int = 0o644
    data: bytes = b""
    origin: str | None = None
    target: str = ""
    over: bool = False
    mtime: float = 0.0
    number: int = 0


Tree = list[tuple[str, Node]]
"""A tree as (path below its top, node), parents first."""


class Layer:
    """The map. `files`: the disk, only read. `clock`: tells when a node was put."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._nodes: dict[str, Node] = {}
        self._names: dict[str, set[str]] = {}
        self._count = 0

    def read(self, place: str, *, limit: int | None = None) -> bytes:
        """The bytes of the file at a place. Raises FileNotFoundError, Unreadable."""
        node = self._nodes.get(place)
        if node is None:
            if self._hidden(place):
                raise absent(place)
            return self._files.read(place, limit=limit)
        if node.kind == "gone":
            raise absent(place)
        if node.kind != "file":
            raise Unreadable(place, "is a folder, not a file")
        data = node.data if node.origin is None else self._files.read(node.origin, limit=limit)
        if limit is not None and len(data) > limit:
            raise Unreadable(place, f"is larger than {limit} bytes")
        return data

    def target(self, place: str) -> str:
        """Where the link at a place points, as written in it. Raises FileNotFoundError, Unreadable."""
        node = self._nodes.get(place)
        if node is not None and node.kind == "link":
            return node.target
        if node is None and not self._hidden(place):
            return self._files.readlink(place)
        if node is None or node.kind == "gone":
            raise absent(place)
        raise Unreadable(place, "is not a link")

    def names(self, place: str) -> tuple[str, ...]:
        """Sorted names in the folder at a place; () when absent. Raises Unreadable."""
        found = self.at(place)
        if found is None:
            return ()
        if found.kind != "dir":
            raise Unreadable(place, "is not a folder")
        node = self._nodes.get(place)
        names = set(self._files.list(place)) if node is None or node.over else set()
        for name in self._names.get(place, ()):
            if self._nodes[below(place, name)].kind == "gone":
                names.discard(name)
            else:
                names.add(name)
        return tuple(sorted(names))

    def place_of(self, path: str, *, final: bool = True) -> str:
        """The place a path names, through the links of the overlay and of the disk."""
        if "\0" in path:
            raise Unreadable(path, "is not a usable path (it holds NUL)")
        place = "/"
        pending = path.split("/")[::-1]
        links = 0
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                place = os.path.dirname(place)
                continue
            here = below(place, part)
            if pending or final:
                found = self.at(here)
                if found is not None and found.kind == "link":
                    links += 1
                    if links > MOST_LINKS:
                        raise Unreadable(path, "goes round in links")
                    target = self.target(here)
                    place = "/" if target.startswith("/") else place
                    pending.extend(target.split("/")[::-1])
                    continue
            place = here
        return place

    def check_parents(self, path: str) -> None:
        """A parent that is a link to nowhere cannot be made."""
        parent = os.path.dirname(path)
        while parent not in ("/", "") and self.at(self.place_of(parent)) is None:
            if self.at(self.place_of(parent, final=False)) is not None:
                raise absent(path)
            parent = os.path.dirname(parent)

    def at(self, place: str) -> FileStat | None:
        """What is at a place."""
        node = self._nodes.get(place)
        if node is None:
            return None if self._hidden(place) else self._files.lstat(place)
        if node.kind == "gone":
            return None
        real = self._files.lstat(node.origin) if node.origin is not None else None
        size = len(node.data) if real is None else real.size
        return FileStat(
            node.kind, node.mode, os.getuid(), os.getgid(), size, int(node.mtime * 1e9), 1, (0, node.number)
        )

    def _hidden(self, place: str) -> bool:
        """Whether the disk does not show through here."""
        while self._nodes and place != "/":
            place = os.path.dirname(place)
            node = self._nodes.get(place)
            if node is not None and not node.over:
                return True
        return False

    def put(self, place: str, node: Node) -> None:
        """Set what is at a place, making its parents."""
        parent = os.path.dirname(place)
        if parent != place and node.kind != "gone":
            above = self.at(parent)
            if above is None:
                self.put(parent, Node("dir", 0o755))
            elif above.kind != "dir":
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place)
        self._count += 1
        self._nodes[place] = replace(node, mtime=self._clock.now(), number=self._count)
        self._names.setdefault(parent, set()).add(os.path.basename(place))

    def forget(self, place: str) -> None:
        """Everything at and below a place is gone."""
        for known in [known for known in self._nodes if known.startswith(place + "/")]:
            del self._nodes[known]
            self._names[os.path.dirname(known)].discard(os.path.basename(known))
        self.put(place, Node("gone"))

    def as_node(self, place: str, found: FileStat) -> Node:
        """What is at a place, as a node of its own."""
        node = self._nodes.get(place)
        if node is not None:
            return node
        if found.kind == "dir":
            return Node("dir", found.mode, over=True)
        if found.kind == "link":
            return Node("link", found.mode, target=self._files.readlink(place))
        return Node("file", found.mode, origin=place)

    def copy(self, place: str) -> Tree:
        """The tree at a place; nothing shows through any more."""
        found = self.at(place)
        if found is None:
            return []
        tree = [("", replace(self.as_node(place, found), over=False))]
        if found.kind == "dir":
            for name in self.names(place):
                tree += [(f"/{name}{tail}", node) for tail, node in self.copy(below(place, name))]
        return tree


def below(place: str, name: str) -> str:
    """A name in a folder."""
    return f"/{name}" if place == "/" else f"{place}/{name}"


def absent(path: str) -> FileNotFoundError:
    """The error of a path that is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
