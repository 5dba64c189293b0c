"""What links lead to: names are looked up in SQL, only for links that are new or whose name came or went.

Never guesses: a name that two notes bear leads nowhere until one of them is called otherwise. A path wins over a
name, a file name or title over an alias, the same letter case over another.
"""

from __future__ import annotations

import sqlite3
from itertools import groupby
from operator import itemgetter

from iapeer_memory.index.sqlite.rows import composed, folded, last
from iapeer_memory.index.sqlite.schema import AMBIGUOUS, FOUND, MISSING
from iapeer_memory.index.sqlite.transaction import changing

BATCH = 1_000
"""Notes whose links are looked up in one transaction."""

Answer = tuple[int, int | None]
Bearer = tuple[str, int, int, str]
"""A note that bears a name: the name, its tier, the note, its path."""

REOPEN = (
    "INSERT OR IGNORE INTO touched SELECT note FROM links"
    " WHERE note IS NOT NULL AND folded IN (SELECT folded FROM unsettled)",
    "INSERT OR IGNORE INTO fresh SELECT source FROM links WHERE folded IN (SELECT folded FROM unsettled)",
    "DELETE FROM unsettled",
)
SOME = f"(SELECT source FROM fresh ORDER BY source LIMIT {BATCH})"  # noqa: S608
OPEN = f"""
SELECT links.source, links.at, links.target, links.state, links.note, names.name, names.tier, notes.id, notes.path
FROM links LEFT JOIN names ON names.folded = links.folded LEFT JOIN notes ON notes.id = names.note
WHERE links.source IN {SOME} ORDER BY links.source, links.at
"""  # noqa: S608
DONE = f"DELETE FROM fresh WHERE source IN {SOME}"  # noqa: S608
CHANGE = "UPDATE links SET state = ?, note = ? WHERE source = ? AND at = ?"
CALLED = (
    "SELECT names.name, names.tier, notes.id, notes.path FROM names JOIN notes ON notes.id = names.note"
    " WHERE folded = ?"
)
BOTH_WAYS = (
    "SELECT note AS other FROM links WHERE source = {0} AND note IS NOT NULL AND note <> {0}"
    " UNION SELECT source FROM links WHERE note = {0} AND source <> {0}"
)
WITHIN = f"(SELECT note FROM touched ORDER BY note LIMIT {BATCH})"  # noqa: S608
COUNT = f"""
UPDATE notes SET degree = (SELECT count(*) FROM ({BOTH_WAYS.format("notes.id")})),
    backlinks = (SELECT count(DISTINCT source) FROM links WHERE note = notes.id AND source <> notes.id)
WHERE id IN {WITHIN}
"""  # noqa: S608
COUNTED = f"DELETE FROM touched WHERE note IN {WITHIN}"  # noqa: S608


def resolve(connection: sqlite3.Connection) -> None:
    """Look up what is open, batch by batch, each in its own transaction. Raises sqlite3.Error."""
    if _any(connection, "unsettled"):
        with changing(connection):
            for statement in REOPEN:
                connection.execute(statement)
    while _any(connection, "fresh"):
        with changing(connection):
            _settle(connection)
            connection.execute(DONE)
    while _any(connection, "touched"):
        with changing(connection):
            connection.execute(COUNT)
            connection.execute(COUNTED)


def _any(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None  # noqa: S608


def _settle(connection: sqlite3.Connection) -> None:
    """Look up the links of some notes."""
    changes: list[tuple[int, int | None, int, int]] = []
    ends: set[int] = set()
    for (source, at, target, *before), group in groupby(connection.execute(OPEN).fetchall(), itemgetter(0, 1, 2, 3, 4)):
        bearers = [row[5:] for row in group if row[5] is not None]
        answer = choose(connection, target, bearers)
        if answer != tuple(before):
            changes.append((*answer, source, at))
            ends |= {note for note in (source, before[1], answer[1]) if note is not None}
    connection.executemany(CHANGE, changes)
    connection.executemany("INSERT OR IGNORE INTO touched VALUES (?)", ((note,) for note in sorted(ends)))


def choose(connection: sqlite3.Connection, target: str, bearers: list[Bearer]) -> Answer:
    """The state of a link that says this, and the note it leads to. `bearers`: of the target's last segment."""
    whole = composed(target).strip().removeprefix("/").removesuffix(".md")
    if not whole:
        return MISSING, None
    if "/" in whole:
        at = [note for _, _, note, path in bearers if composed(path) == whole + ".md"]
        if at:
            return FOUND, at[0]
        bearers = bearers + connection.execute(CALLED, (folded(whole),)).fetchall()
    if len(bearers) == 1:
        return FOUND, bearers[0][2]
    spellings = {whole, last(whole)}
    for same_case in (True, False):
        for tier in (0, 1):
            notes = {note for name, its, note, _ in bearers if its == tier and (not same_case or name in spellings)}
            if notes:
                return (FOUND, notes.pop()) if len(notes) == 1 else (AMBIGUOUS, None)
    return MISSING, None
