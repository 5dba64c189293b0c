"""The belt of the sandbox round the file channel: which paths a test or a rehearsal may never write.

Rule 1: nothing at or under the real home's `.iapeer`, `.claude`, `.codex` or iCloud folder; of those, the config, the
fleet map and the slot read as absent. Rule 2: a path with a part `.iapeer`, `.claude` or `.codex` must lie under a
sandbox root. Both look at where a path leads, not at how it is spelled; on macOS without regard to letter case.

Source: the reference package's file belt, with every write verb covered.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os.path import basename, dirname, join, normpath
from typing import TypeVar

from iapeer_memory.domain.door import Files, FileStat
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.through import ThroughFiles

T = TypeVar("T")
HARNESS_FOLDERS = (".iapeer", ".claude", ".codex")
GUARDED_IN_HOME = (*HARNESS_FOLDERS, ".claude.json", join("Library", "Mobile Documents"))
ON_THE_NAME = ("remove", "rmdir", "rename", "symlink")
"""Verbs that never follow a final link."""
GATED_NAMES = ("config.env", "fleet.json", "memory-provider.json")
ROOT_VARIABLES = (
    "IAPEER_ROOT", "IAPEER_MEMORY_STATE_DIR", "IAPEER_MEMORY_CACHE_DIR", "IAPEER_MEMORY_LOGS_DIR",
)  # fmt: skip


class BeltRefused(PermissionError):
    """The sandbox will not have this path written; `filename` is where it leads."""


@dataclass(frozen=True, slots=True)
class Belt:
    """What is guarded and what is free; all paths already resolved. `ignore_case`: the filesystem does."""

    guarded: tuple[str, ...]
    roots: tuple[str, ...]
    ignore_case: bool = False

    def refuses(self, path: str) -> str | None:
        """Why a resolved path may not be written; None when it may."""
        place = self._fold(normpath(path))
        for folder in self.guarded:
            if is_under(place, self._fold(folder)):
                return f"it lies under {folder}, which belongs to the live host"
        part = next((part for part in place.split("/") if part in HARNESS_FOLDERS), None)
        if part is not None and not any(is_under(place, self._fold(root)) for root in self.roots):
            return f"it lies in a {part} folder outside every sandbox root"
        return None

    def gated(self, path: str) -> bool:
        """Whether a resolved path reads as absent."""
        place = self._fold(normpath(path))
        return basename(place) in GATED_NAMES and any(is_under(place, self._fold(folder)) for folder in self.guarded)

    def _fold(self, path: str) -> str:
        return path.casefold() if self.ignore_case else path


def is_under(place: str, folder: str) -> bool:
    """Whether a path is the folder or in it."""
    return place == folder or place.startswith(folder.rstrip("/") + "/")


def make_belt(
    env: Mapping[str, str], *, real_home: str | None, temp: str, platform: str, realpath: Callable[[str], str]
) -> Belt:
    """The belt of a host. `real_home`: of the account, whatever HOME says; `temp`: the system's temporary folder."""
    homes = () if real_home is None else (real_home, realpath(real_home))
    guarded = {place for home in homes for name in GUARDED_IN_HOME for place in (join(home, name),)}
    guarded |= {realpath(place) for place in guarded}
    roots = {temp, "/tmp"} | {env[name] for name in ROOT_VARIABLES if env.get(name)}  # noqa: S108
    if env.get("IAPEER_MEMORY_CONFIG_FILE"):
        roots.add(dirname(env["IAPEER_MEMORY_CONFIG_FILE"]))
    roots = {root for root in roots if root.startswith("/") and normpath(root) != "/"}
    roots |= {realpath(root) for root in roots}
    return Belt(tuple(sorted(guarded)), tuple(sorted(roots)), ignore_case=platform == "darwin")


class BeltedFiles(ThroughFiles):
    """Files with the belt on: a refused write raises BeltRefused, gated files read as absent."""

    def __init__(self, files: Files, belt: Belt) -> None:
        super().__init__(files)
        self._belt = belt

    def read(self, path: str, *, limit: int | None = None) -> bytes:
        if self._gated(path):
            raise FileNotFoundError(errno.ENOENT, "not shown in the sandbox", path)
        return super().read(path, limit=limit)

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        return None if self._gated(path) else super().read_optional(path, limit=limit)

    def stat(self, path: str) -> FileStat | None:
        return None if self._gated(path) else super().stat(path)

    def lstat(self, path: str) -> FileStat | None:
        return None if self._gated(path) else super().lstat(path)

    def rename(self, source: str, target: str) -> None:
        self.check_name("rename", source)
        self.check_name("rename", target)
        super().rename(source, target)

    def _change(self, effect: Effect, path: str, act: Callable[[], T]) -> T:
        if effect.verb in ON_THE_NAME:
            self.check_name(effect.verb, path)
        else:
            self.check(effect.verb, path)
        return act()

    def check(self, verb: str, path: str) -> None:
        """Raise BeltRefused unless the place that the path leads to may be written."""
        self._refuse(verb, path, self._files.realpath(path))

    def check_name(self, verb: str, path: str) -> None:
        """The same for the verbs that act on the name itself."""
        self._refuse(verb, path, join(self._files.realpath(dirname(path)), basename(path)))

    def _refuse(self, verb: str, path: str, place: str) -> None:
        why = self._belt.refuses(place)
        if why is not None:
            raise BeltRefused(errno.EPERM, f"the sandbox refuses to {verb} {path}: {why}", place)

    def _gated(self, path: str) -> bool:
        # Looked at by name first: resolving each path that is read would double what a read costs.
        if basename(path).casefold() in GATED_NAMES and self._belt.gated(self._files.realpath(path)):
            return True
        found = self._files.lstat(path)
        return found is not None and found.kind == "link" and self._belt.gated(self._files.realpath(path))
