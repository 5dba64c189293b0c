"""What links say, read back: notes by name, neighbours, the whole graph. Read only; facts, no policy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from iapeer_memory.index.records import LinkGraph, Neighbour, NoteSummary, Unresolved
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
LINKED_NOTES = "SELECT id, path FROM notes WHERE degree > 0 AND path IN"
NEAREST = """
SELECT path, title, type, status, direction, degree, backlinks FROM (
    SELECT note, 'outgoing' AS direction FROM links WHERE source = ?1 AND note <> ?1
    UNION ALL SELECT source, 'incoming' FROM links WHERE note = ?1 AND source <> ?1
) AS ends CROSS JOIN notes ON notes.id = ends.note
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


def neighbours(connection: sqlite3.Connection, paths: Sequence[str]) -> dict[str, tuple[Neighbour, ...]]:
    """The neighbours of each note that is linked."""
    found: dict[str, list[Neighbour]] = {}
    for some in _batches(paths):
        for whose, *end in connection.execute(AROUND.format(_marks(some)), some):
            its = found.setdefault(whose, [])
            # A note may link to another by two of its names: such rows follow each other.
            if not its or its[-1] != tuple(end):
                its.append(Neighbour._make(end))
    return {path: tuple(its) for path, its in found.items()}


def nearest(connection: sqlite3.Connection, paths: Sequence[str], most: int) -> dict[str, tuple[Neighbour, ...]]:
    """The first so many neighbours of each note that is linked, each once. Of a note that thousands link to, no more
    rows are read than these."""
    ask = connection.execute
    near: dict[str, tuple[Neighbour, ...]] = {}
    for some in _batches(paths):
        for note, path in ask(f"{LINKED_NOTES} ({_marks(some)})", some).fetchall():
            ends: dict[str, Neighbour] = {}
            for row in ask(NEAREST, (note,)):
                if len(ends) == most:
                    break
                ends.setdefault(row[0], Neighbour._make(row))
            near[path] = tuple(ends.values())
    return near


def linked(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, int]:
    """How many links each of these notes has, either way; notes without any are left out."""
    counts: dict[str, int] = {}
    for some in _batches(paths):
        found = connection.execute(f"{LINKED} ({_marks(some)})", some)
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


def _batches(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    waiting = iter(paths)
    while some := tuple(islice(waiting, AT_ONCE)):
        yield some


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
