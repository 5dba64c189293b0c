"""A peer gets another name: where its notes go, and what changes in all others. Decides; pure.

Its memory and its part of the archive move as they are. Where a note names it as author, as a coauthor or as the last
editor, it is called by the new name; where a link leads to one of its notes by path, by the new path. Every other byte
stays. What a note says after the change says nothing of the old name, so a change made twice is a change made once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from iapeer_memory.notes.archive import Move, folded
from iapeer_memory.notes.conflict import has_conflict_marks
from iapeer_memory.vault.block import decode
from iapeer_memory.vault.fields import Op, edit_fields
from iapeer_memory.vault.frontmatter import Value, read, split_bytes
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.links import retarget, wikilinks

KEYS = ("author", "coauthors", "last_edited_by")
"""Where a note names peers."""
LINKS = "links"


@dataclass(frozen=True, slots=True)
class Naming:
    """From one personality to another. `attachments`: vault-relative paths of files below the old folders that are no
    notes; links to them are changed too."""

    old: str
    new: str
    locale: Locale
    attachments: tuple[str, ...] = ()

    def folders(self) -> tuple[tuple[str, str], ...]:
        """(old, new) of the peer's memory and of its part of the archive, vault-relative."""
        memory, archive = self.locale.folders["agent_memory"], self.locale.folders["archive"]
        return tuple((f"{head}/{self.old}", f"{head}/{self.new}") for head in (memory, f"{archive}/{memory}"))

    def place(self, path: str) -> str:
        """Where a vault-relative path is afterwards."""
        for old, new in self.folders():
            if path.startswith(f"{old}/"):
                return new + path[len(old) :]
        return path

    def edit(self, data: bytes) -> bytes:
        """The note as it is afterwards; the data itself where nothing changes, and where git's marks of a conflict
        stand in it: those are for a person to settle."""
        if self.old.encode() not in data or has_conflict_marks(data):
            return data
        return self._relinked(self._renamed(data))

    def touched(self, data: bytes) -> tuple[str, ...]:
        """What `edit` changes: keys, and `links`."""
        after = self.edit(data)
        if after is data or after == data:
            return ()
        before = read(split_bytes(data).block)
        keys = tuple(key for key in KEYS if self._ops(key, before.get(key, "")))
        return (*keys, LINKS) if self._renamed(data) != after else keys

    def _renamed(self, data: bytes) -> bytes:
        found = read(split_bytes(data).block)
        ops = [op for key in KEYS for op in self._ops(key, found.get(key, ""))]
        return edit_fields(data, ops) if ops else data

    def _ops(self, key: str, value: Value) -> tuple[Op, ...]:
        if not isinstance(value, str):
            found = self.old in value
            return (Op("list-add", key, self.new), Op("list-remove", key, self.old)) if found else ()
        names = [name.strip() for name in value.split(",")] if key == "coauthors" else [value]
        if self.old not in names:
            return ()
        after = dict.fromkeys(self.new if name == self.old else name for name in names if name)
        return (Op("set", key, ", ".join(after)),)

    def _relinked(self, data: bytes) -> bytes:
        if b"[[" not in data or f"/{self.old}/".encode() not in data:
            return data
        targets = {link.target for link in wikilinks(decode(data))} | set(self.attachments)
        composed = {unicodedata.normalize("NFC", target) for target in targets}
        return retarget(data, {old: self.place(old) for old in composed if self.place(old) != old})


def moves(naming: Naming, found: Iterable[str]) -> tuple[Move, ...]:
    """Where files below the old folders go."""
    return tuple(Move(path, naming.place(path)) for path in found if naming.place(path) != path)


def clashes(planned: Iterable[Move], there: Iterable[str]) -> tuple[str, ...]:
    """The targets whose name is taken, also by one in other letter case, or by a folder where a file is to be.

    `there`: the files below the new folders, vault-relative.
    """
    files = {folded(path) for path in there}
    folders = {above for path in files for above in _above(path)}
    return tuple(
        move.target
        for move in planned
        if folded(move.target) in files | folders or any(above in files for above in _above(folded(move.target)))
    )


def _above(path: str) -> Iterator[str]:
    """The folders of a path, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
