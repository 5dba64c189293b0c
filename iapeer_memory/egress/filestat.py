"""What the system says of a path, in our words: kinds, stats, and which errors mean absent. No effect of its own."""

from __future__ import annotations

import errno
import os
import stat
from typing import NoReturn

from iapeer_memory.domain.door import FileKind, FileStat
from iapeer_memory.domain.errors import Unreadable

ABSENT = (errno.ENOENT, errno.ENOTDIR)
KINDS: dict[int, FileKind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
WORDS = {"dir": "a folder", "fifo": "a named pipe", "socket": "a socket", "device": "a device", "link": "a link"}


def kind_of(mode: int) -> FileKind:
    """The kind in a stat mode."""
    return KINDS.get(stat.S_IFMT(mode), "device")


def file_stat(found: os.stat_result) -> FileStat:
    """The part of a stat result that decisions need."""
    mode = found.st_mode
    return FileStat(
        KINDS.get(mode & 0o170000, "device"),
        mode & 0o7777,
        found.st_uid,
        found.st_gid,
        found.st_size,
        found.st_mtime_ns,
        found.st_nlink,
        (found.st_dev, found.st_ino),
    )


def reason_of(error: OSError | ValueError) -> str:
    """An error of the system in words."""
    if isinstance(error, OSError):
        return f"cannot be read ({(error.strerror or str(error)).lower()})"
    return f"is not a usable path ({error})"


def refuse(path: str, error: OSError | ValueError) -> NoReturn:
    """Absent stays FileNotFoundError; anything else is Unreadable."""
    if isinstance(error, OSError) and error.errno in ABSENT:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    raise Unreadable(path, reason_of(error), remedy=remedy_for(path, error)) from None


def refuse_unless_absent(path: str, error: OSError | ValueError) -> None:
    """Nothing for absent; otherwise raises Unreadable."""
    if isinstance(error, OSError) and error.errno in ABSENT:
        return
    refuse(path, error)


def remedy_for(path: str, error: OSError | ValueError) -> str | None:
    """The command that makes the path readable, where there is one."""
    if not isinstance(error, PermissionError):
        return None
    import shlex

    return f"chmod u+rX {shlex.quote(path)}"
