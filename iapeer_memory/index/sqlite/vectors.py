"""Vectors of passages: kept as 32-bit numbers, found in two steps. No network; knows no model but its name.

The first step compares signs only (one bit a dimension, the number of differing bits), the second the numbers of the
best of those. Up to `EXACT` passages the first step is left out, so the answer is exact; beyond, a passage whose signs
say little may be missed. Both steps read the file anew, so nothing is kept in memory and nothing goes stale.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from operator import mul

from iapeer_memory.index.records import Unembedded
from iapeer_memory.index.sqlite.schema import PASSAGE_BITS

EXACT = 1_000
"""Passages up to which every vector is compared."""

RESCORED = 256
"""The least number of passages that the second step compares."""

Carried = dict[str, tuple[bytes, bytes]]
"""Text of a passage → signs and numbers."""

MISSING = f"""
SELECT texts.key, notes.title, texts.text FROM texts JOIN notes ON notes.edition = texts.key >> {PASSAGE_BITS}
WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.key = texts.key) ORDER BY texts.key LIMIT ?
"""  # noqa: S608


def use(connection: sqlite3.Connection, model: str) -> None:
    """Drop vectors of another model. Inside a transaction."""
    row = connection.execute("SELECT value FROM facts WHERE name = 'vectors'").fetchone()
    if row is None or row[0] != model:
        connection.execute("DELETE FROM vectors")
        connection.execute("INSERT OR REPLACE INTO facts VALUES ('vectors', ?)", (model,))


def missing(connection: sqlite3.Connection, limit: int) -> tuple[Unembedded, ...]:
    """Passages without a vector, oldest first."""
    found = connection.execute(MISSING, (limit,))
    return tuple(Unembedded(key, f"{title}\n\n{text}" if text else title) for key, title, text in found)


def missing_count(connection: sqlite3.Connection) -> int:
    """How many passages have no vector."""
    return int(connection.execute("SELECT (SELECT count(*) FROM texts) - (SELECT count(*) FROM vectors)").fetchone()[0])


def store(connection: sqlite3.Connection, pairs: Iterable[tuple[int, Sequence[float]]]) -> int:
    """Keep the vectors whose passages are there; how many those were. Inside a transaction."""
    kept = 0
    for key, vector in pairs:
        if connection.execute("SELECT 1 FROM texts WHERE key = ?", (key,)).fetchone():
            numbers = unit(vector)
            connection.execute(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", (key, signs(numbers), numbers.tobytes())
            )
            kept += 1
    return kept


def carried(connection: sqlite3.Connection, span: tuple[int, int]) -> Carried:
    """Take the vectors of a note's passages away, by what the passages said. Inside a transaction."""
    rows = connection.execute(
        "SELECT texts.text, signs, numbers FROM vectors JOIN texts ON texts.key = vectors.key"
        " WHERE vectors.key BETWEEN ? AND ?",
        span,
    ).fetchall()
    connection.execute("DELETE FROM vectors WHERE key BETWEEN ? AND ?", span)
    return {text: (its_signs, numbers) for text, its_signs, numbers in rows}


def carry(connection: sqlite3.Connection, texts: Iterable[tuple[int, str, str]], old: Carried) -> None:
    """Give passages (key, headings, text) that say what an old one said its vector. Inside a transaction."""
    same = [(key, *old[text]) for key, _, text in texts if text in old]
    connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", same)


def nearest(
    connection: sqlite3.Connection, vector: Sequence[float], count: int, only: str, values: Sequence[str]
) -> list[tuple[float, int]]:
    """(similarity, key) of about `count` passages, best first. `only`: a condition on `notes` in SQL, with values."""
    wanted = unit(vector)
    size = len(wanted) * wanted.itemsize
    allowed = f" AND key >> {PASSAGE_BITS} IN (SELECT edition FROM notes WHERE {only})" if only else ""  # noqa: S608
    there = connection.execute("SELECT count(*) FROM (SELECT 1 FROM vectors LIMIT ?)", (EXACT + 1,)).fetchone()[0]
    if there <= EXACT:
        found = connection.execute(
            f"SELECT key, numbers FROM vectors WHERE length(numbers) = ?{allowed}",  # noqa: S608
            (size, *values),
        )
        scored = [(_similar(wanted, numbers), key) for key, numbers in found]
    else:
        ours = int.from_bytes(signs(wanted), "little")
        width = len(signs(wanted))
        rough = connection.execute(
            f"SELECT signs, key FROM vectors WHERE length(signs) = ?{allowed}",  # noqa: S608
            (width, *values),
        )
        read = int.from_bytes
        close = nsmallest(
            max(RESCORED, count * 4), (((read(its, "little") ^ ours).bit_count(), key) for its, key in rough)
        )
        scored = []
        for _, key in close:
            row = connection.execute("SELECT numbers FROM vectors WHERE key = ?", (key,)).fetchone()
            if row and len(row[0]) == size:
                scored.append((_similar(wanted, row[0]), key))
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return scored


def unit(vector: Sequence[float]) -> array[float]:
    """The vector at length 1, as 32-bit numbers; one without direction stays all zero."""
    length = math.sqrt(math.fsum(x * x for x in vector))
    return array("f", [x / length for x in vector] if length and math.isfinite(length) else [0.0] * len(vector))


def signs(numbers: Sequence[float]) -> bytes:
    """One bit a dimension: whether it is positive."""
    bits = int("".join("1" if x > 0 else "0" for x in numbers) or "0", 2)
    return bits.to_bytes((len(numbers) + 7) // 8, "little")


def _similar(wanted: array[float], numbers: bytes) -> float:
    other = array("f")
    other.frombytes(numbers)
    return max(-1.0, min(1.0, math.fsum(map(mul, wanted, other))))
