"""The door of a dry run: writes are kept in memory, and every read sees them. Never changes the host.

The overlay is a map from a place (a path without links) to what a write has put there. Whatever is not in it, and not
hidden by a folder that was removed or newly made in it, is the disk's.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from iapeer_memory.domain.door import Clock, Door, Files, FileStat
from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.egress.effect import Effect, mode_text, write_detail
from iapeer_memory.egress.plan import Plan, PlannedClock, PlannedLocks, PlannedNet, PlannedProcesses, Probe

__all__ = ["Plan", "overlay"]

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


class OverlayFiles:
    """Files as they would be. Implements `domain.door.Files`."""

    def __init__(self, files: Files, clock: Clock, plan: Plan) -> None:
        self._files = files
        self._clock = clock
        self._plan = plan
        self._nodes: dict[str, Node] = {}
        self._names: dict[str, set[str]] = {}
        self._count = 0

    def read(self, path: str, *, limit: int | None = None) -> bytes:
        place = self._resolve(path)
        node = self._nodes.get(place)
        if node is None:
            if self._hidden(place):
                raise absent(path)
            return self._files.read(place, limit=limit)
        if node.kind == "gone":
            raise absent(path)
        if node.kind != "file":
            raise Unreadable(path, "is a folder, not a file")
        data = node.data if node.origin is None else self._files.read(node.origin, limit=limit)
        if limit is not None and len(data) > limit:
            raise Unreadable(path, f"is larger than {limit} bytes")
        return data

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        try:
            return self.read(path, limit=limit)
        except FileNotFoundError:
            return None

    def stat(self, path: str) -> FileStat | None:
        return self._at(self._resolve(path))

    def lstat(self, path: str) -> FileStat | None:
        return self._at(self._resolve(path, final=False))

    def realpath(self, path: str) -> str:
        return self._resolve(path)

    def readlink(self, path: str) -> str:
        place = self._resolve(path, final=False)
        node = self._nodes.get(place)
        if node is not None and node.kind == "link":
            return node.target
        if node is None and not self._hidden(place):
            return self._files.readlink(place)
        if node is None or node.kind == "gone":
            raise absent(path)
        raise Unreadable(path, "is not a link")

    def list(self, path: str) -> tuple[str, ...]:
        place = self._resolve(path)
        found = self._at(place)
        if found is None:
            return ()
        if found.kind != "dir":
            raise Unreadable(path, "is not a folder")
        node = self._nodes.get(place)
        names = set(self._files.list(place)) if node is None or node.over else set()
        for name in self._names.get(place, ()):
            if self._nodes[below(place, name)].kind == "gone":
                names.discard(name)
            else:
                names.add(name)
        return tuple(sorted(names))

    def write(
        self, path: str, data: bytes, *, mode: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        self._check_parents(path)
        existed = self.lstat(path) is not None
        place = self._resolve(path)
        found = self._at(place)
        if found is None and existed:
            raise FileNotFoundError(errno.ENOENT, "is a link that leads nowhere", path)
        if found is not None and found.kind != "file":
            raise IsADirectoryError(errno.EISDIR, "is not a file", path)
        if before is not None:
            before()
        kept = found.mode if found is not None else 0o644
        self._put(place, Node("file", kept if mode is None else mode, data))
        self._plan.add(Effect("write", path, write_detail(existed, mode_text(mode)), data))

    def create(self, path: str, data: bytes, *, mode: int = 0o644) -> bool:
        self._check_parents(path)
        place = self._resolve(path, final=False)
        if self._at(place) is not None:
            return False
        self._put(place, Node("file", mode, data))
        self._plan.add(Effect("create", path, mode_text(mode), data))
        return True

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        self._check_parents(path)
        place = self._resolve(path)
        found = self._at(place)
        if found is None and self.lstat(path) is not None and self._at(os.path.dirname(place)) is None:
            raise absent(path)
        old = b"" if found is None else self.read(place)
        self._put(place, Node("file", mode if found is None else found.mode, old + data))
        self._plan.add(Effect("append", path, f"{len(data)} bytes", data))

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        self._check_parents(path)
        place = self._resolve(path)
        found = self._at(place) or self.lstat(path)
        if found is not None:
            if found.kind != "dir":
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            return
        self._put(place, Node("dir", mode))
        self._plan.add(Effect("mkdir", path, mode_text(mode)))

    def remove(self, path: str) -> bool:
        place = self._resolve(path, final=False)
        found = self._at(place)
        if found is None:
            return False
        if found.kind == "dir":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._put(place, Node("gone"))
        self._plan.add(Effect("remove", path))
        return True

    def rmdir(self, path: str) -> bool:
        place = self._resolve(path, final=False)
        found = self._at(place)
        if found is None:
            return False
        if found.kind != "dir":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if self.list(place):
            return False
        self._forget(place)
        self._plan.add(Effect("rmdir", path))
        return True

    def remove_tree(self, path: str) -> None:
        place = self._resolve(path, final=False)
        found = self._at(place)
        if found is None:
            return
        if found.kind != "dir":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        self._forget(place)
        self._plan.add(Effect("remove_tree", path))

    def rename(self, source: str, target: str) -> None:
        here, there = self._resolve(source, final=False), self._resolve(target, final=False)
        parent = self._at(os.path.dirname(there))
        if self._at(here) is None or parent is None or parent.kind != "dir":
            raise absent(source)
        tree = self._copy(here)
        self._forget(here)
        self._forget(there)
        for tail, node in tree:
            self._put(there + tail, node)
        self._plan.add(Effect("rename", source, f"to {target}"))

    def symlink(self, target: str, path: str) -> None:
        self._check_parents(path)
        place = self._resolve(path, final=False)
        found = self._at(place)
        if found is not None and found.kind == "dir":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._put(place, Node("link", 0o777, target=target))
        self._plan.add(Effect("symlink", path, f"to {target}"))

    def chmod(self, path: str, mode: int) -> None:
        place = self._resolve(path)
        found = self._at(place)
        if found is None:
            raise absent(path)
        if found.mode != mode:
            self._put(place, replace(self._as_node(place, found), mode=mode))
            self._plan.add(Effect("chmod", path, mode_text(mode)))

    def touch(self, path: str) -> None:
        self._check_parents(path)
        place = self._resolve(path)
        found = self._at(place)
        self._put(place, Node("file") if found is None else self._as_node(place, found))
        self._plan.add(Effect("touch", path))

    def _resolve(self, path: str, *, final: bool = True) -> str:
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
                found = self._at(here)
                if found is not None and found.kind == "link":
                    links += 1
                    if links > MOST_LINKS:
                        raise Unreadable(path, "goes round in links")
                    target = self.readlink(here)
                    place = "/" if target.startswith("/") else place
                    pending.extend(target.split("/")[::-1])
                    continue
            place = here
        return place

    def _check_parents(self, path: str) -> None:
        """A parent that is a link to nowhere cannot be made."""
        parent = os.path.dirname(path)
        while parent not in ("/", "") and self.stat(parent) is None:
            if self.lstat(parent) is not None:
                raise absent(path)
            parent = os.path.dirname(parent)

    def _at(self, place: str) -> FileStat | None:
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

    def _put(self, place: str, node: Node) -> None:
        """Set what is at a place, making its parents."""
        parent = os.path.dirname(place)
        if parent != place and node.kind != "gone":
            above = self._at(parent)
            if above is None:
                self._put(parent, Node("dir", 0o755))
            elif above.kind != "dir":
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place)
        self._count += 1
        self._nodes[place] = replace(node, mtime=self._clock.now(), number=self._count)
        self._names.setdefault(parent, set()).add(os.path.basename(place))

    def _forget(self, place: str) -> None:
        """Everything at and below a place is gone."""
        for known in [known for known in self._nodes if known.startswith(place + "/")]:
            del self._nodes[known]
            self._names[os.path.dirname(known)].discard(os.path.basename(known))
        self._put(place, Node("gone"))

    def _as_node(self, place: str, found: FileStat) -> Node:
        """What is at a place, as a node of its own."""
        node = self._nodes.get(place)
        if node is not None:
            return node
        if found.kind == "dir":
            return Node("dir", found.mode, over=True)
        if found.kind == "link":
            return Node("link", found.mode, target=self._files.readlink(place))
        return Node("file", found.mode, origin=place)

    def _copy(self, place: str) -> Tree:
        """The tree at a place; nothing shows through any more."""
        found = self._at(place)
        if found is None:
            return []
        tree = [("", replace(self._as_node(place, found), over=False))]
        if found.kind == "dir":
            for name in self.list(place):
                tree += [(f"/{name}{tail}", node) for tail, node in self._copy(below(place, name))]
        return tree


def below(place: str, name: str) -> str:
    """A name in a folder."""
    return f"/{name}" if place == "/" else f"{place}/{name}"


def absent(path: str) -> FileNotFoundError:
    """The error of a path that is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def overlay(door: Door, *, probes: Sequence[Probe] = ()) -> tuple[Door, Plan]:
    """(a door that only plans, the plan that grows). `probes`: which argument lists are questions and really run."""
    plan = Plan()
    clock = PlannedClock(door.clock)
    planned = replace(
        door,
        files=OverlayFiles(door.files, clock, plan),
        processes=PlannedProcesses(door.processes, plan, probes),
        net=PlannedNet(door.net, plan),
        locks=PlannedLocks(door.locks),
        clock=clock,
        kind="overlay",
    )
    return planned, plan
