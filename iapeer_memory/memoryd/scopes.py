"""From paths that may have changed to what lies there now, spelled as on disk. Never goes through a link.

An event may give a name in another composition than the disk, and a file system that ignores letter case opens a file
under a name that it does not bear: so every name is looked up in the list of its folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from unicodedata import normalize

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.vault.walk import Found, Rules, walk


def found(files: Files, root: str, rules: Rules, scopes: Iterable[str]) -> Iterator[Found]:
    """The notes at and below these vault-relative paths; "" is all of them. A path with nothing there gives nothing."""
    folders = Folders(files, root)
    for scope in scopes:
        if not scope:
            yield from walk(files, root, rules)
        elif rules.admits(scope):
            try:
                place = folders.place(scope)
            except (ProductError, OSError):
                yield Found("unknown", scope)
                continue
            if place is None:
                continue
            kind, path = place
            if kind == "placeholder":
                yield Found("placeholder", path)
            elif kind == "dir" and rules.enters(path):
                yield from walk(files, root, rules, path)
            elif kind == "file" and rules.takes(path):
                yield Found("note", path)


class Folders:
    """The names in each folder of a vault, listed once."""

    __slots__ = ("_files", "_listed", "_root")

    def __init__(self, files: Files, root: str) -> None:
        self._files = files
        self._root = root
        self._listed: dict[str, frozenset[str]] = {}

    def place(self, path: str) -> tuple[str, str] | None:
        """(kind, path as on disk) of what lies there; None for nothing, and for what lies behind a link. Raises
        Unreadable, OSError."""
        at = ""
        kind: str = "dir"
        for part in path.split("/"):
            if kind != "dir":
                return None
            names = self._names(at)
            name = _spelled(part, names)
            prefix = f"{at}/" if at else ""
            if name is None:
                held_back = prefix + part == path and f".{part}.icloud" in names
                return ("placeholder", path) if held_back else None
            at = prefix + name
            stat = self._files.lstat(f"{self._root}/{at}")
            if stat is None:
                return None
            kind = stat.kind
        return kind, at

    def _names(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            self._listed[folder] = frozenset(self._files.list(f"{self._root}/{folder}" if folder else self._root))
        return self._listed[folder]


def _spelled(part: str, names: frozenset[str]) -> str | None:
    """The name in the folder that is this one in another composition; None when there is none, or more than one."""
    if part in names or part.isascii():
        return part if part in names else None
    wanted = normalize("NFC", part)
    same = [name for name in names if normalize("NFC", name) == wanted]
    return same[0] if len(same) == 1 else None
