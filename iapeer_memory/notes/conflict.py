"""What a sync tool brings: copies of notes in conflict, and many notes at once. Such are indexed, and nothing more.

They are never stamped, archived or attributed to the human. Pure, and cheap enough for the hook.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

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
BULK, BULK_SECONDS, SETTLED = 20, 10.0, 90.0
"""That many notes within so many seconds; a stamp or an mtime older than the last was not made just now."""


class Arrival:
    """A note that was found new or changed. Times are epoch seconds.

    `seen`: when the watch or the pass came upon it; `mtime`: of the file; `stamp`: of its `updated` key, None without.
    """

    __slots__ = ("mtime", "path", "seen", "stamp")

    def __init__(self, path: str, *, seen: float, mtime: float, stamp: float | None) -> None:
        self.path = path
        self.seen = seen
        self.mtime = mtime
        self.stamp = stamp


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


def bulk_arrivals(arrivals: Sequence[Arrival], *, git_moved: float | None = None) -> frozenset[str]:
    """The paths that a pull, a sync or a restore has brought, of arrivals in the order in which they were seen.

    Many at once are such when they bear a stamp or an mtime from before, as nobody's own writing does; or when git has
    moved its head in these seconds (`git_moved`: the mtime of its last move).
    """
    found: set[str] = set()
    start = 0
    for end in range(len(arrivals)):
        while arrivals[end].seen - arrivals[start].seen > BULK_SECONDS:
            start += 1
        group = arrivals[start : end + 1] if end - start + 1 >= BULK else ()
        if group and is_brought(group, git_moved):
            found.update(one.path for one in group)
    return frozenset(found)


def is_brought(group: Sequence[Arrival], git_moved: float | None) -> bool:
    """Whether a group came from elsewhere."""
    if git_moved is not None and group[0].seen - BULK_SECONDS <= git_moved <= group[-1].seen:
        return True
    settled = sum(
        one.mtime < one.seen - SETTLED or (one.stamp is not None and one.stamp < one.seen - SETTLED) for one in group
    )
    return settled >= 0.8 * len(group)
