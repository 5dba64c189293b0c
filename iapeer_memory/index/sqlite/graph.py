"""What links say, read back: notes by name, neighbours, the whole graph. Read only; facts, no policy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice

from iapeer_memory.index.port import LinkGraph, Neighbour, NoteSummary, Unresolved
from iapeer_memory.index.sqlite import rows
from iapeer_memory.index.sqlite.schema import AMBIGUOUS, FOUND, MISSING

SHOWN = ", ".join(f"notes.{name}" for name in rows.SHOWN)
CALLED = f"SELECT names.name, {SHOWN} FROM names JOIN notes ON notes.id = names.note WHERE folded IN (?, ?)"  # noqa: S608
AROUND = """
WITH some (id, path) AS MATERIALIZED (SELECT id, path FROM notes WHERE degree > 0 AND path IN ({0})),
ends (whose, note, direction) AS (
    SELECT some.path, links.note, 'outgoing' FROM some CROSS JOIN links
    WHERE links.source = some.id AND links.note <> some.id
    UNION ALL SELECT some.path, links.source, 'incoming' FROM some CROSS JOIN links
    WHERE links.note = some.id AND links.source <> some.id
)
SELECT whose, path, title, type, status, direction, degree, backlinks FROM ends CROSS JOIN notes ON notes.id = ends.note
ORDER BY degree DESC, path, direction DESC
"""
EDGES = f"""
SELECT source, note, snippet, min(at) FROM links WHERE state = {FOUND} AND source <> note GROUP BY source, note
"""  # noqa: S608
LINKED = """
SELECT path, backlinks + (
    SELECT count(DISTINCT CASE WHEN note <> source THEN note END)
        + count(DISTINCT CASE WHEN note IS NULL THEN folded END) FROM links WHERE source = notes.id
) FROM notes WHERE path IN
"""
AT_ONCE = 500
"""Notes of one question: SQLite takes so many values on every host."""
NOWHERE = f"""
SELECT notes.path, links.target, links.state FROM links JOIN notes ON notes.id = links.source
WHERE state IN ({MISSING}, {AMBIGUOUS}) ORDER BY notes.path, links.at
"""  # noqa: S608


def find(connection: sqlite3.Connection, name: str) -> tuple[NoteSummary, ...]:
    """Notes of that path; else of that name letter for letter; else without letter case."""
    asked = rows.composed(name).strip().removeprefix("/").removesuffix(".md")
    if not asked:
        return ()
    found = connection.execute(CALLED, (rows.folded(asked), rows.folded(rows.last(asked)))).fetchall()
    notes = {row[1]: rows.summary(row[1:]) for row in found}
    paths = {path: rows.composed(path).removesuffix(".md") for path in notes}
    exact = {row[1] for row in found if row[0] == asked}
    loose = {row[1] for row in found if row[0].casefold() == asked.casefold()}
    for chosen in (
        {path for path, its in paths.items() if its == asked},
        exact,
        {path for path, its in paths.items() if its.casefold() == asked.casefold()} | loose,
    ):
        if chosen:
            return tuple(notes[path] for path in sorted(chosen))
    return ()


def neighbours(
    connection: sqlite3.Connection, paths: Sequence[str], most: int | None
) -> dict[str, tuple[Neighbour, ...]]:
    """The neighbours of each note that is linked; of at most so many a note, each once."""
    found: dict[str, list[Neighbour]] = {}
    waiting = iter(paths)
    while some := tuple(islice(waiting, AT_ONCE)):
        for whose, *end in connection.execute(AROUND.format(",".join("?" * len(some))), some):
            its = found.setdefault(whose, [])
            # A note may link to another by two of its names: such rows follow each other.
            if (most is None or len(its) < most) and (not its or its[-1] != tuple(end)):
                its.append(Neighbour._make(end))
    if most is None:
        return {path: tuple(its) for path, its in found.items()}
    # Of a note that is linked both ways, the two rows follow each other.
    return {path: tuple({end.path: end for end in reversed(its)}.values())[::-1] for path, its in found.items()}


def linked(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, int]:
    """How many links each of these notes has, either way; notes without any are left out."""
    counts: dict[str, int] = {}
    waiting = iter(paths)
    while some := tuple(islice(waiting, AT_ONCE)):
        found = connection.execute(f"{LINKED} ({','.join('?' * len(some))})", some)
        counts.update((path, count) for path, count in found if count)
    return counts


def whole(connection: sqlite3.Connection) -> LinkGraph:
    """All links."""
    paths: dict[int, str] = dict(connection.execute("SELECT id, path FROM notes"))
    edges = [
        (paths[source], paths[note], snippet)
        for source, note, snippet, _ in connection.execute(EDGES)
        if source in paths and note in paths
    ]
    edges.sort()
    nowhere = tuple(
        Unresolved(source, target, "missing" if state == MISSING else "ambiguous")
        for source, target, state in connection.execute(NOWHERE)
    )
    return LinkGraph(tuple(edges), nowhere)
