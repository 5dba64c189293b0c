"""What a sync tool leaves behind: copies of notes in conflict. Such are indexed, and nothing more.

They are never stamped, archived or attributed to the human. Pure, and cheap enough for the hook.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

MARKS = (
    ".sync-conflict-",
    "(conflicted copy",
    "'s conflicted copy",
    "(case conflict",
    "(конфликтующая копия",
    "(sfconflict",
)
"""Syncthing; Dropbox, Nextcloud and Obsidian Sync; Dropbox again, also in Russian; Seafile."""
OPENING, PARTING, CLOSING = b"<<<<<<< ", b"=======", b">>>>>>> "


def is_conflict_copy(name: str, siblings: Collection[str] = (), *, cloud: bool = False) -> bool:
    """Whether a file name is that of a copy in conflict.

    `siblings`: the other names in its folder. `cloud`: the vault lies in iCloud, which calls the copy of `Name.md`
    `Name 2.md`; elsewhere people use such names themselves.
    """
    word = name.casefold()
    if any(mark in word for mark in MARKS):
        return True
    stem, blank, number = name.removesuffix(".md").rpartition(" ")
    return cloud and bool(blank) and number.isdecimal() and 2 <= int(number[:4]) <= 99 and f"{stem}.md" in siblings


def has_conflict_marks(data: bytes) -> bool:
    """Whether git has left both sides of a conflict in the text."""
    if OPENING not in data:
        return False
    wanted = [OPENING, PARTING, CLOSING]
    for line in data.split(b"\n"):
        mark = wanted[0]
        if line.rstrip(b"\r") == mark if mark is PARTING else line.startswith(mark):
            wanted.pop(0)
            if not wanted:
                return True
    return False
