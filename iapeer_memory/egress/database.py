"""SQLite files: made private before the library ever sees them, then opened. The only place that opens one.

Never leaves a moment at which another user could open the file: it is created empty with mode 0600, and the library
gives its journal files the mode of the database.
"""

from __future__ import annotations

import os
import sqlite3
from shlex import quote
from typing import Literal

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import UnsafePath

PRIVATE = 0o600
BUSY_SECONDS = 5.0
SIDE_FILES = ("-wal", "-shm", "-journal")


def prepare_database(files: Files, path: str) -> None:
    """See that the file is there, plain, and ours alone. Raises UnsafePath, Unreadable, OSError."""
    found = files.lstat(path)
    if found is None:
        files.mkdir(os.path.dirname(path), mode=0o700)
        files.create(path, b"", mode=PRIVATE)
        found = files.lstat(path)
    if found is not None and found.kind != "file":
        raise UnsafePath(path, "a database must be a plain file", remedy=f"mv {quote(path)} {quote(path + '.aside')}")
    for place in (path, *(path + tail for tail in SIDE_FILES)):
        side = files.lstat(place)
        if side is not None and side.kind == "file" and side.mode != PRIVATE:
            files.chmod(place, PRIVATE)


def open_database(
    files: Files,
    path: str,
    *,
    mode: Literal["rw", "ro", "still"] = "rw",
    any_thread: bool = False,
    isolation_level: Literal["DEFERRED", "EXCLUSIVE", "IMMEDIATE"] | None = None,
) -> sqlite3.Connection:
    """A connection to the file. `rw` makes it if needed; `ro` never writes and raises sqlite3.OperationalError where
    there is no file, but may leave empty journal files beside it. `still`: as `ro`, leaves nothing, and is only for a
    file that nobody writes meanwhile. `any_thread`: may be used by more than one thread, by turns.

    Raises UnsafePath, Unreadable, OSError, sqlite3.Error.
    """
    from urllib.parse import quote

    if mode == "rw":
        prepare_database(files, path)
    return sqlite3.connect(
        f"file:{quote(path)}?{'mode=ro&immutable=1' if mode == 'still' else f'mode={mode}'}",
        uri=True,
        timeout=BUSY_SECONDS,
        check_same_thread=not any_thread,
        isolation_level=isolation_level,
    )


def remove_database(files: Files, path: str) -> None:
    """Remove a disposable database with its journal files; nobody may have it open."""
    for place in (path, *(path + tail for tail in SIDE_FILES)):
        files.remove(place)
