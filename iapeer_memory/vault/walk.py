"""Which files of a vault are notes. Reads folders through the Files port, never a note's content, never follows a link.

A note is a regular file `*.md` outside hidden folders (`.git`, `.obsidian`, `.trash`) and outside the excluded ones.
What cannot be listed is reported as unknown, never as gone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError

Kind = Literal["note", "placeholder", "unknown"]


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of the walk.

    note: a note that can be read. placeholder: a note that a cloud drive holds back (`.Name.md.icloud`); it exists,
    and must not be read. unknown: a folder that could not be listed, so anything below it may still exist.
    """

    kind: Kind
    path: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What is not walked: names of folders, at any depth, compared without letter case and decomposition."""

    excluded: frozenset[str]

    @classmethod
    def of(cls, names: tuple[str, ...]) -> Rules:
        """Rules that skip folders of these names."""
        return cls(frozenset(folded(name) for name in names if name.strip()))

    def skips(self, name: str) -> bool:
        """Whether a folder of that name is not entered."""
        return name.startswith(".") or folded(name) in self.excluded

    def admits(self, path: str) -> bool:
        """Whether no folder on the way to that vault-relative path is skipped and the path can be named at all."""
        return nameable(path) and not any(self.skips(part) for part in path.split("/")[:-1])


def folded(name: str) -> str:
    """The name as file systems that ignore case and composition compare it."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def nameable(path: str) -> bool:
    """Whether the path is text: a name that is not UTF-8 cannot be given to an agent."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_note_name(name: str) -> bool:
    """Whether a file of that name is a note."""
    return name.endswith(".md") and not name.startswith(".")


def walk(files: Files, root: str, rules: Rules, under: str = "") -> Iterator[Found]:
    """Every note below `under` (a vault-relative folder, "" for all), folder by folder, sorted."""
    folders = [under]
    while folders:
        folder = folders.pop()
        here = f"{root}/{folder}" if folder else root
        prefix = f"{folder}/" if folder else ""
        try:
            names = files.list(here)
        except (ProductError, OSError):
            yield Found("unknown", folder)
            continue
        below: list[str] = []
        for name in names:
            path = prefix + name
            if name.startswith(".") and name.endswith(".md.icloud"):
                yield Found("placeholder", prefix + name[1 : -len(".icloud")])
            elif not nameable(name) or rules.skips(name):
                continue
            else:
                kind = _kind(files, f"{here}/{name}")
                if kind == "dir":
                    below.append(path)
                elif kind == "file" and is_note_name(name):
                    yield Found("note", path)
                elif kind is None:
                    yield Found("unknown", path)
        folders.extend(reversed(below))


def _kind(files: Files, path: str) -> str | None:
    """What lies there; "" when it just went, None when it cannot be told."""
    try:
        found = files.lstat(path)
    except (ProductError, OSError):
        return None
    return found.kind if found else ""
