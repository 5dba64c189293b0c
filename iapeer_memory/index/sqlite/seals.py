"""Which notes' rows are not the ones that were stored: somebody else wrote into the file, or a page of it is lost.

Only reads. That what is matched says what the texts say, FTS5 proves by itself, on a connection that may write.
"""

from __future__ import annotations

import sqlite3

from iapeer_memory.index.records import LinkRecord, Passage
from iapeer_memory.index.sqlite import rows
from iapeer_memory.index.sqlite.schema import PASSAGE_BITS, passage_range

SHOWN = ", ".join(rows.SHOWN)
STORED = f"SELECT id, edition, seal, facets, since, digest, keys, {SHOWN} FROM notes ORDER BY path"  # noqa: S608
TEXTS = "SELECT text, headings, stems FROM texts LEFT JOIN streams USING (key) WHERE key BETWEEN ? AND ? ORDER BY key"
LINKS = "SELECT target, snippet FROM links WHERE source = ? ORDER BY at"
UNMATCHED = f"""
SELECT path FROM notes WHERE edition IN (
    SELECT key >> {PASSAGE_BITS} FROM (SELECT key FROM texts EXCEPT SELECT id FROM passages_docsize)
)
"""  # noqa: S608
"""Notes of which a passage can be shown, but not found."""


def broken(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The notes whose rows are not what was stored for their digest, by path. Raises sqlite3.Error."""
    ask = connection.execute
    found = {path for (path,) in ask(UNMATCHED)}
    for note, edition, seal, facets, since, digest, keys, *shown in ask(STORED):
        texts = (
            (Passage(text, tuple(headings.split("\n")) if headings else ()), stems or "")
            for text, headings, stems in ask(TEXTS, passage_range(edition))
        )
        links = (LinkRecord(*row) for row in ask(LINKS, (note,)))
        summary = rows.summary(shown)
        derived = (rows.seal(tuple(shown), digest, keys, texts, links), rows.facets(summary), rows.since(summary))
        if derived != (seal, facets, since):
            found.add(summary.path)
    return tuple(sorted(found))
