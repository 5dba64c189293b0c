"""The tables of the embedded index and the proof that a file holds them. SQL only; opens nothing.

A file is ours when its application id and version say so; anything else, the reference's index included, is not
read and not trusted. No table shares its name with one of the reference's, so neither program stumbles over the
other's file before it has looked at it.

What is shown is kept as it stands (`notes`, `texts`); what is matched are stems: those of the texts in a row
(`streams`), and the word index `passages`. The view `worded` puts them together again: that is how FTS5 takes a row
back, and how it proves that the word index says what the texts say.
"""

from __future__ import annotations

import sqlite3

from iapeer_memory.index.stems import Stemmer

APPLICATION_ID = 0x69616D65
VERSION = 3

PASSAGE_BITS = 20
"""A passage's key is its note's edition shifted by this, plus its ordinal: a note's passages are one range."""

MOST_REPEATED = 1_000
"""Characters that count of what is matched with every passage of a note."""

NEW, FOUND, MISSING, AMBIGUOUS = 0, 1, 2, 3
"""What a link came to; NEW is not looked up yet."""

TABLES = f"""
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    edition INTEGER NOT NULL UNIQUE,
    path TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    seal BLOB NOT NULL,
    degree INTEGER NOT NULL DEFAULT 0,
    backlinks INTEGER NOT NULL DEFAULT 0,
    facets TEXT NOT NULL,
    since TEXT NOT NULL,
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
    last_edited_by TEXT,
    reviewed INTEGER NOT NULL,
    aliases TEXT NOT NULL,
    directory TEXT,
    keys TEXT NOT NULL
) STRICT;
CREATE TABLE texts (key INTEGER PRIMARY KEY, headings TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE streams (key INTEGER PRIMARY KEY, stems TEXT NOT NULL) STRICT;
CREATE VIEW worded AS
    SELECT texts.key AS key, stems(substr(notes.title, 1, {MOST_REPEATED})) AS title,
           stems(substr(texts.headings, 1, {MOST_REPEATED})) AS headings,
           stems(substr(notes.keys, 1, {MOST_REPEATED})) AS keys, streams.stems AS text
    FROM texts JOIN streams ON streams.key = texts.key JOIN notes ON notes.edition = texts.key >> {PASSAGE_BITS};
CREATE VIRTUAL TABLE passages USING fts5 (
    title, headings, keys, text, content = 'worded', content_rowid = 'key', tokenize = 'ascii'
);
CREATE VIRTUAL TABLE stems_seen USING fts5vocab ('passages', 'row');
CREATE TABLE forms (form TEXT PRIMARY KEY, stem TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE names (
    folded TEXT NOT NULL, name TEXT NOT NULL, note INTEGER NOT NULL, tier INTEGER NOT NULL,
    PRIMARY KEY (folded, name, note)
) STRICT, WITHOUT ROWID;
CREATE TABLE links (
    source INTEGER NOT NULL, at INTEGER NOT NULL, target TEXT NOT NULL, folded TEXT NOT NULL, snippet TEXT NOT NULL,
    state INTEGER NOT NULL, note INTEGER, PRIMARY KEY (source, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_by_name ON links (folded);
CREATE INDEX links_by_note ON links (note) WHERE note IS NOT NULL;
CREATE TABLE fresh (source INTEGER PRIMARY KEY) STRICT;
CREATE TABLE unsettled (folded TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE touched (note INTEGER PRIMARY KEY) STRICT;
CREATE TABLE vectors (key INTEGER PRIMARY KEY, signs BLOB NOT NULL, numbers BLOB NOT NULL) STRICT;
"""  # noqa: S608

EMPTIED = ("notes", "texts", "streams", "forms", "names", "links", "fresh", "unsettled", "touched", "vectors")

CACHED_WORDS = 4 << 20
"""Bytes of new words that are kept in memory within a transaction."""

TITLE_WEIGHT, HEADINGS_WEIGHT, KEYS_WEIGHT, TEXT_WEIGHT = 4.0, 2.0, 2.0, 1.0
RANK = f"bm25(passages, {TITLE_WEIGHT}, {HEADINGS_WEIGHT}, {KEYS_WEIGHT}, {TEXT_WEIGHT})"


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing at all has been put into the file."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file says that it is of this version of ours."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return (application, version) == (APPLICATION_ID, VERSION)


def damage(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the pages of the file, in one line; None when they hold together."""
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if verdict == "ok" else verdict.splitlines()[-1]


def speak(connection: sqlite3.Connection, stemmer: Stemmer) -> None:
    """Give the connection the function that the view needs. Call it before the first question."""
    connection.create_function("stems", 1, stemmer.stream, deterministic=True)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, all or none. Raises sqlite3.Error."""
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{TABLES}"
        f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {VERSION};\nCOMMIT;"
    )
    connection.execute("INSERT INTO passages (passages, rank) VALUES ('hashsize', ?)", (CACHED_WORDS,))
    if sqlite3.sqlite_version_info >= (3, 42):
        # Older libraries keep the words of a deleted row in the file until its segment is merged: `Writer.tidy`.
        connection.execute("INSERT INTO passages (passages, rank) VALUES ('secure-delete', 1)")


def empty(connection: sqlite3.Connection) -> None:
    """Drop every note. Call it inside a transaction."""
    for table in EMPTIED:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    connection.execute("INSERT INTO passages (passages) VALUES ('delete-all')")


def passage_range(edition: int) -> tuple[int, int]:
    """First and last key that passages of a note may have."""
    return edition << PASSAGE_BITS, ((edition + 1) << PASSAGE_BITS) - 1
