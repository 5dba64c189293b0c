"""How the words of dropped notes leave the file. Texts and links are zeroed at once (`secure_delete`).

FTS5 keeps the words of a dropped passage in its segments until these are merged into one. That costs as much as the
index is large, so it waits until much was dropped, and is done in short steps. Libraries from 3.42 on take the words
out at once; there only the list of known forms is left to do.
"""

from __future__ import annotations

import sqlite3

from iapeer_memory.index.sqlite.transaction import changing

WORTH = 1_000
"""Dropped passages from which merging is worth it; or a tenth of all, where that is more."""

PAGES = 200
"""Pages that a step writes, about."""

PROGRESS = "merging"
FORGOTTEN = "DELETE FROM forms WHERE stem NOT IN (SELECT term FROM stems_seen)"


def count(connection: sqlite3.Connection, dropped: int) -> None:
    """Note that so many passages were dropped. Inside a transaction."""
    if dropped:
        connection.execute(
            "INSERT INTO facts VALUES ('dropped', ?1) ON CONFLICT (name) DO UPDATE SET value = value + ?1", (dropped,)
        )


def step(connection: sqlite3.Connection, *, whole: bool) -> bool:
    """One step; whether there is more to do. Raises sqlite3.Error."""
    row = connection.execute("SELECT value FROM facts WHERE name = 'dropped'").fetchone()
    dropped = int(row[0]) if row else 0
    begun = connection.execute("SELECT 1 FROM facts WHERE name = ?", (PROGRESS,)).fetchone() is not None
    if not begun:
        total = connection.execute("SELECT count(*) FROM texts").fetchone()[0] if dropped >= WORTH else 0
        if dropped == 0 or (not whole and dropped < max(WORTH, total // 10)):
            return False
        with changing(connection):
            connection.execute("INSERT INTO facts VALUES (?, '')", (PROGRESS,))
            connection.execute("INSERT INTO passages (passages, rank) VALUES ('merge', ?)", (-PAGES,))
        return True
    with changing(connection):
        before = connection.total_changes
        connection.execute("INSERT INTO passages (passages, rank) VALUES ('merge', ?)", (PAGES,))
        # Source: FTS5's manual: a merge that changed fewer than two rows had nothing left to merge.
        if connection.total_changes - before >= 2:
            return True
        connection.execute(FORGOTTEN)
        connection.execute("DELETE FROM facts WHERE name IN ('dropped', ?)", (PROGRESS,))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return False
