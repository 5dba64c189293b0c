"""Folders that belong to one user alone: for sockets, sidecars, definitions and manifests. Never follows a link there.

A folder is private when it is ours and no group and nobody else may do anything with it. The folders above it count
too: whoever may rename one of them decides what lies below.
"""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname
from shlex import quote

from iapeer_memory.domain.door import Files, FileStat
from iapeer_memory.domain.errors import UnsafePath

MODE = 0o700
FILE_MODE = 0o600
OTHERS = 0o077
WRITABLE_BY_ALL = 0o002
STICKY = 0o1000
ROOT = 0
ELSEWHERE = "use a folder of your own; for sockets, set XDG_RUNTIME_DIR to one"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a folder is not private, and the command or act that mends it."""

    reason: str
    remedy: str


def objection(path: str, found: FileStat | None, uid: int) -> Objection | None:
    """Why what `lstat` found at the path is no private folder of the user, or None."""
    away = f"mv {quote(path)} {quote(path + '.away')}"
    if found is not None and uid not in (found.uid, ROOT):
        away = f"sudo {away}"
    if found is None:
        return Objection("does not exist", f"mkdir -m 700 {quote(path)}")
    if found.kind != "dir":
        return Objection(f"is a {found.kind}, not a folder", away)
    if found.uid != uid:
        return Objection(f"belongs to another user (uid {found.uid})", away)
    if found.mode & OTHERS:
        return Objection(f"is open to others (mode {found.mode & 0o777:04o})", f"chmod 700 {quote(path)}")
    return None


def why_not_private(files: Files, path: str, uid: int) -> Objection | None:
    """Why the folder is not private, or None. Raises Unreadable."""
    return objection(path, files.lstat(path), uid) or exposed_above(files, path, uid)


def is_private(files: Files, path: str, uid: int) -> bool:
    """Whether the folder is ours alone, and nobody else can put another one in its place. Raises Unreadable."""
    return why_not_private(files, path, uid) is None


def make_private(files: Files, path: str, uid: int) -> None:
    """Make the folder with its parents, and close it to others where it is ours.

    Raises UnsafePath for what belongs to somebody else, to the host (`/`, `/tmp`) or is no folder, Unreadable, OSError.
    """
    if files.lstat(path) is None:
        _require(path, exposed_above(files, path, uid))
        files.mkdir(path, mode=MODE)
    found = files.lstat(path)
    if found is not None and found.kind == "dir" and found.uid == uid and found.mode & 0o777 != MODE:
        if found.mode & STICKY or dirname(path.rstrip("/")) in ("", "/"):
            raise UnsafePath(path, "is a folder of the whole host; it is not closed", remedy="name a folder below it")
        files.chmod(path, MODE)
    _require(path, why_not_private(files, path, uid))


def write_private(files: Files, path: str, data: bytes, uid: int) -> bool:
    """Put a file of the user's alone into a folder that is made private; whether that changed anything.

    Raises as `make_private` does, and OSError with the old file as it was.
    """
    make_private(files, dirname(path), uid)
    found = files.lstat(path)
    if found is not None and found.kind == "file" and found.size == len(data) and files.read(path) == data:
        return False
    if found is not None and found.kind == "link":
        files.remove(path)
    files.write(path, data, mode=FILE_MODE)
    return True


def _require(path: str, why: Objection | None) -> None:
    if why is not None:
        raise UnsafePath(path, why.reason, remedy=why.remedy)


def exposed_above(files: Files, path: str, uid: int) -> Objection | None:
    """Why somebody else could exchange the folder, or make it first: one above it is theirs, or all may write there.

    None where neither is so. Raises Unreadable.
    """
    place = dirname(files.realpath(path))
    while True:
        found = files.stat(place)
        if found is not None:
            if found.uid not in (ROOT, uid):
                whose = f"which belongs to another user (uid {found.uid})"
                return Objection(f"lies below {place}, {whose}", ELSEWHERE)
            if found.mode & WRITABLE_BY_ALL and not found.mode & STICKY:
                whose = f"where everybody may write (mode {found.mode & 0o777:04o})"
                return Objection(f"lies below {place}, {whose}", f"chmod o-w {quote(place)}")
        if place == dirname(place):
            return None
        place = dirname(place)
