"""Rows that were read lately, by their number. Knows nothing of what they say."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from sys import getsizeof
from typing import Any

Row = tuple[Any, ...]


class Kept:
    """Rows of one question to the store, as far as they fit into so many bytes; once they do not, all of them are let
    go. They are as they were when they were read: whoever keeps this forgets it when the store has changed."""

    __slots__ = ("_bytes", "_connection", "_most", "_rows", "_select")

    def __init__(self, connection: sqlite3.Connection, select: str, most: int) -> None:
        """`select`: up to the list of numbers; the number of a row is its first column. `most`: in bytes."""
        self._connection = connection
        self._select = select
        self._most = most
        self._bytes = 0
        self._rows: dict[int, Row] = {}

    def of(self, numbers: Sequence[int]) -> Mapping[int, Row]:
        """At least the rows of these numbers, as far as there are any, without their first column."""
        rows = self._rows
        new = [number for number in numbers if number not in rows]
        if new and self._bytes > self._most:
            self.forget()
            new = list(numbers)
        if new:
            marks = ",".join("?" * len(new))
            for number, *row in self._connection.execute(f"{self._select} ({marks})", new):
                rows[number] = tuple(row)
                self._bytes += sum(map(getsizeof, row))
        return rows

    def forget(self) -> None:
        """Keep nothing."""
        self._rows.clear()
        self._bytes = 0
