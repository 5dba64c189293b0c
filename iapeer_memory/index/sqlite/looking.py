"""One state of the store for all statements of an answer. Never changes anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from types import TracebackType

from iapeer_memory.index.sqlite.faults import ours


class Looking:
    """A snapshot; within another one, that one. SQLite's errors come out as ours. One for a connection, entered a dozen
    times a search, by one thread at a time."""

    __slots__ = ("_begun", "_connection", "_depth", "_path")

    def __init__(self, connection: sqlite3.Connection, path: str, begun: Callable[[], None]) -> None:
        """`begun`: called at the beginning of each snapshot."""
        self._connection = connection
        self._path = path
        self._begun = begun
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth == 1:
            try:
                self._connection.execute("BEGIN")
                self._begun()
            except BaseException as error:
                self.__exit__(type(error), error, error.__traceback__)
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        try:
            if not self._depth and self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as failed:
            error = error or failed
        if isinstance(error, sqlite3.Error):
            raise ours(error, self._path) from error
