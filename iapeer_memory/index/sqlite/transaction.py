"""A transaction: commit at the end, roll back on any way out that is not the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def changing(connection: sqlite3.Connection) -> Iterator[None]:
    """One change of the store, whole or not at all. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def looking(connection: sqlite3.Connection) -> Iterator[None]:
    """One snapshot for all statements of an answer; within another one, that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")
