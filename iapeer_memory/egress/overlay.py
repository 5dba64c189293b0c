"""The door of a dry run: writes are kept in memory, and every read sees them. Never changes the host.

What was written where is the layer's; here are the verbs, which answer and fail as those of the disk do.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from iapeer_memory.domain.door import Clock, Door, Files, FileStat
from iapeer_memory.egress.effect import Effect, mode_text, write_detail
from iapeer_memory.egress.layer import Layer, Node, absent
from iapeer_memory.egress.plan import Plan, PlannedClock, PlannedLocks, PlannedNet, PlannedProcesses, Probe

__all__ = ["Plan", "overlay"]


class OverlayFiles:
    """Files as they would be. Implements `domain.door.Files`."""

    def __init__(self, files: Files, clock: Clock, plan: Plan) -> None:
        self._layer = Layer(files, clock)
        self._plan = plan

    def read(self, path: str, *, limit: int | None = None) -> bytes:
        return self._layer.read(self._layer.place_of(path), limit=limit)

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        try:
            return self.read(path, limit=limit)
        except FileNotFoundError:
            return None

    def stat(self, path: str) -> FileStat | None:
        return self._layer.at(self._layer.place_of(path))

    def lstat(self, path: str) -> FileStat | None:
        return self._layer.at(self._layer.place_of(path, final=False))

    def realpath(self, path: str) -> str:
        return self._layer.place_of(path)

    def readlink(self, path: str) -> str:
        return self._layer.target(self._layer.place_of(path, final=False))

    def list(self, path: str) -> tuple[str, ...]:
        return self._layer.names(self._layer.place_of(path))

    def write(
        self, path: str, data: bytes, *, mode: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        self._layer.check_parents(path)
        existed = self.lstat(path) is not None
        place = self._layer.place_of(path)
        found = self._layer.at(place)
        if found is None and existed:
            raise FileNotFoundError(errno.ENOENT, "is a link that leads nowhere", path)
        if found is not None and found.kind != "file":
            raise IsADirectoryError(errno.EISDIR, "is not a file", path)
        if before is not None:
            before()
        kept = found.mode if found is not None else 0o644
        self._layer.put(place, Node("file", kept if mode is None else mode, data))
        self._plan.add(Effect("write", path, write_detail(existed, mode_text(mode)), data))

    def create(self, path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> bool:
        self._layer.check_parents(path)
        place = self._layer.place_of(path, final=False)
        if self._layer.at(place) is not None:
            return False
        self._layer.put(place, Node("file", mode, data))
        self._plan.add(Effect("create", path, mode_text(mode), data))
        return True

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        self._layer.check_parents(path)
        place = self._layer.place_of(path)
        found = self._layer.at(place)
        if found is None and self.lstat(path) is not None and self._layer.at(os.path.dirname(place)) is None:
            raise absent(path)
        old = b"" if found is None else self.read(place)
        self._layer.put(place, Node("file", mode if found is None else found.mode, old + data))
        self._plan.add(Effect("append", path, f"{len(data)} bytes", data))

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        self._layer.check_parents(path)
        place = self._layer.place_of(path)
        found = self._layer.at(place) or self.lstat(path)
        if found is not None:
            if found.kind != "dir":
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            return
        self._layer.put(place, Node("dir", mode))
        self._plan.add(Effect("mkdir", path, mode_text(mode)))

    def remove(self, path: str) -> bool:
        place = self._layer.place_of(path, final=False)
        found = self._layer.at(place)
        if found is None:
            return False
        if found.kind == "dir":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._layer.put(place, Node("gone"))
        self._plan.add(Effect("remove", path))
        return True

    def rmdir(self, path: str) -> bool:
        place = self._layer.place_of(path, final=False)
        found = self._layer.at(place)
        if found is None:
            return False
        if found.kind != "dir":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if self.list(place):
            return False
        self._layer.forget(place)
        self._plan.add(Effect("rmdir", path))
        return True

    def remove_tree(self, path: str) -> None:
        place = self._layer.place_of(path, final=False)
        found = self._layer.at(place)
        if found is None:
            return
        if found.kind != "dir":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        self._layer.forget(place)
        self._plan.add(Effect("remove_tree", path))

    def rename(self, source: str, target: str) -> None:
        here, there = self._layer.place_of(source, final=False), self._layer.place_of(target, final=False)
        parent = self._layer.at(os.path.dirname(there))
        if self._layer.at(here) is None or parent is None or parent.kind != "dir":
            raise absent(source)
        tree = self._layer.copy(here)
        self._layer.forget(here)
        self._layer.forget(there)
        for tail, node in tree:
            self._layer.put(there + tail, node)
        self._plan.add(Effect("rename", source, f"to {target}"))

    def symlink(self, target: str, path: str) -> None:
        self._layer.check_parents(path)
        place = self._layer.place_of(path, final=False)
        found = self._layer.at(place)
        if found is not None and found.kind == "dir":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._layer.put(place, Node("link", 0o777, target=target))
        self._plan.add(Effect("symlink", path, f"to {target}"))

    def chmod(self, path: str, mode: int) -> None:
        place = self._layer.place_of(path)
        found = self._layer.at(place)
        if found is None:
            raise absent(path)
        if found.mode != mode:
            self._layer.put(place, replace(self._layer.as_node(place, found), mode=mode))
            self._plan.add(Effect("chmod", path, mode_text(mode)))

    def touch(self, path: str) -> None:
        self._layer.check_parents(path)
        place = self._layer.place_of(path)
        found = self._layer.at(place)
        self._layer.put(place, Node("file") if found is None else self._layer.as_node(place, found))
        self._plan.add(Effect("touch", path))

    def sync(self, folder: str) -> None:
        """Nothing: it changes nothing that can be seen."""


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
