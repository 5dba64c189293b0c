"""From SQLite's errors to ours: damaged, or only unavailable. Opens nothing, hides nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from iapeer_memory.index.port import IndexBroken, IndexFailed

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA}

SIGNS = ("no such table", "no such column", "Could not decode")
"""Words of errors that have no code of their own: tables of another version, text that is no text."""

REBUILT = "nothing, it is rebuilt from the vault"


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raise IndexBroken or IndexFailed in place of any sqlite3.Error; an interrupted question is IndexFailed."""
    try:
        yield
    except sqlite3.Error as error:
        raise ours(error, path) from error


def ours(error: sqlite3.Error, path: str) -> IndexBroken | IndexFailed:
    """The error to raise in its place."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    words = str(error) or type(error).__name__
    if primary in DAMAGED or any(sign in words for sign in SIGNS):
        return IndexBroken(f"the index {path} is damaged ({words})", remedy=REBUILT)
    return IndexFailed(f"the index {path} cannot be used ({words})")
