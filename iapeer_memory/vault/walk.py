"""Which files of a vault are notes. Reads folders through the Files port, never a note's content, never follows a link.

A note is a regular file `*.md` outside hidden folders (`.git`, `.obsidian`, `.trash`), outside the excluded ones and
not left out by `.memoryignore`. A conflict copy of a synced vault is a note like any other; the temporary file of a
writer is none. What cannot be listed is reported as unknown, never as gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.vault import ignore
from iapeer_memory.vault.ignore import Ignored, folded

TEMPORARY = (".memoryd.tmp", ".iapeer-memory.tmp")
"""What the name of a writer's temporary file holds, the reference's too."""

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
    """What is not walked: names of folders, at any depth, compared without letter case and composition, and what the
    vault's owner leaves out."""

    excluded: frozenset[str]
    ignored: Ignored = field(default_factory=Ignored)

    @classmethod
    def of(cls, names: tuple[str, ...]) -> Rules:
        """Rules that skip folders of these names."""
        return cls(frozenset(folded(name) for name in names if name.strip()))

    @classmethod
    def configured(cls, setting: str, system: str) -> Rules:
        """Rules by the setting EXCLUDE_FOLDERS: the folders that it names, else the locale's system folder."""
        return cls.of(tuple(part.strip() for part in setting.split(",") if part.strip()) or (system,))

    def read(self, files: Files, root: str) -> Rules:
        """The same with what the vault's `.memoryignore` says now; one that cannot be read changes nothing."""
        try:
            data = files.read_optional(f"{root}/{ignore.FILE}", limit=ignore.LIMIT)
        except (ProductError, OSError):
            return self
        return replace(self, ignored=ignore.parse(data or b""))

    def enters(self, path: str) -> bool:
        """Whether a folder at that vault-relative path is walked; folders above it are not looked at."""
        name = path.rpartition("/")[2]
        hidden = name.startswith(".") or folded(name) in self.excluded
        return not hidden and not self.ignored.leaves_out(path, folder=True)

    def takes(self, path: str) -> bool:
        """Whether a file at that vault-relative path is a note; folders above it are not looked at."""
        return is_note_name(path.rpartition("/")[2]) and not self.ignored.leaves_out(path, folder=False)

    def admits(self, path: str) -> bool:
        """Whether every folder on the way to that vault-relative path is walked and the path can be named at all."""
        parts = path.split("/")
        return nameable(path) and all(self.enters("/".join(parts[:n])) for n in range(1, len(parts)))


def nameable(path: str) -> bool:
    """Whether the path is text: a name that is not UTF-8 cannot be given to an agent."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_note_name(name: str) -> bool:
    """Whether a file of that name is a note."""
    return name.endswith(".md") and not name.startswith(".") and not any(mark in name for mark in TEMPORARY)


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
            elif nameable(name) and not name.startswith("."):
                kind = _kind(files, f"{here}/{name}")
                if kind == "dir":
                    below += [path] if rules.enters(path) else []
                elif kind == "file" and rules.takes(path):
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
