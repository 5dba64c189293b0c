"""Temporary files beside the file they will become: their names, and sweeping those whose writer died.

A writer holds a kernel lock on its temp for as long as it lives. A temp whose lock can be taken has no writer: that is
proof across containers, where a pid says nothing. Never touches a file whose name is not exactly one of ours.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from iapeer_memory.domain.door import Files

SUFFIX = ".iapeer-memory.tmp"
TEMP_NAME = re.compile(r"\..+\.[0-9a-f]{12}\.iapeer-memory\.tmp\Z", re.DOTALL)
TRIES = 8
LONGEST_NAME = 255
STALE_SECONDS = 3600.0


def temp_name(name: str) -> str:
    """`.<name>.<12 hex>.iapeer-memory.tmp`; a long name is cut so that the whole stays within a folder entry."""
    tail = "." + os.urandom(6).hex() + SUFFIX
    kept = os.fsencode(name)[: LONGEST_NAME - len(tail) - 1]
    return "." + os.fsdecode(kept) + tail


def open_temp(folder_fd: int, name: str, mode: int) -> tuple[int, str]:
    """Make an empty, locked temp in an open folder; (descriptor, name). Raises OSError."""
    for _ in range(TRIES):
        temp = temp_name(name)
        try:
            fd = os.open(
                temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder_fd
            )
        except FileExistsError:
            continue
        if claim(fd) and os.fstat(fd).st_nlink == 1:
            return fd, temp
        # A sweeper came between the two calls; it has removed the name.
        os.close(fd)
    raise FileExistsError(f"no free temporary name for {name}")


def claim(fd: int) -> bool:
    """Take the writer's lock; False when another process has it. A filesystem without locks counts as taken."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def orphaned(path: str) -> Iterator[bool]:
    """Whether no process is writing this temp any more; while inside, none can start to."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            free = False
        yield regular and free
    finally:
        os.close(fd)


def sweep_temps(files: Files, folder: str, *, uid: int, now: float) -> tuple[str, ...]:
    """Remove our stale temps in one folder; the paths removed.

    Stale: no writer holds it, or it is older than an hour (a filesystem without locks). Links left half-made by
    a dead process go by age alone. Raises OSError and Unreadable as `files` does.
    """
    swept: list[str] = []
    for name in files.list(folder):
        if not (name.endswith(SUFFIX) and TEMP_NAME.match(name)):
            continue
        path = f"{folder}/{name}"
        found = files.lstat(path)
        if found is None or found.uid != uid or found.kind not in ("file", "link"):
            continue
        old = now - found.mtime_ns / 1e9 > STALE_SECONDS
        if found.kind == "link":
            if old and files.remove(path):
                swept.append(path)
            continue
        with orphaned(path) as free:
            if (free or old) and files.remove(path):
                swept.append(path)
    return tuple(swept)
