"""The tables of the embedded index and the proof that a file holds them. SQL only; opens nothing.

A file is ours when its application id and version say so; anything else, the reference's index included, is not
read and not trusted. No table shares its name with one of the reference's, so neither program stumbles over the
other's file before it has looked at it.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x69616D65
VERSION = 1

TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    type TEXT,
    subtype TEXT,
    status TEXT,
    description TEXT,
    tags TEXT NOT NULL,
    author TEXT,
    coauthors TEXT NOT NULL,
    created TEXT,
    updated TEXT,
    digest TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE passages USING fts5 (
    title, keys, text,
    tokenize = 'porter unicode61 remove_diacritics 2'
);
"""

PASSAGE_BITS = 20
"""A passage's rowid is its note's id shifted by this, plus its ordinal: a note's passages are one range."""

TITLE_WEIGHT, KEYS_WEIGHT, TEXT_WEIGHT = 4.0, 2.0, 1.0
RANK = f"bm25({TITLE_WEIGHT}, {KEYS_WEIGHT}, {TEXT_WEIGHT})"


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing at all has been put into the file."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file says that it is of this version of ours."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return (application, version) == (APPLICATION_ID, VERSION)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, all or none. Raises sqlite3.Error."""
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{TABLES}"
        f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {VERSION};\nCOMMIT;"
    )


def passage_range(note: int) -> tuple[int, int]:
    """First and last rowid that passages of a note may have."""
    return note << PASSAGE_BITS, ((note + 1) << PASSAGE_BITS) - 1
