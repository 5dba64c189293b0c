"""The embedded engine: opens, proves and throws away its file. Never trusts one that it did not write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from shlex import quote
from typing import Literal

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import UnsafePath
from iapeer_memory.egress.database import SIDE_FILES, open_database, remove_database
from iapeer_memory.egress.filesystem import shared_filesystem
from iapeer_memory.index.port import IndexBroken, IndexFailed
from iapeer_memory.index.sqlite import schema
from iapeer_memory.index.sqlite.faults import REBUILT, translated
from iapeer_memory.index.sqlite.reader import SqliteReader
from iapeer_memory.index.sqlite.transaction import changing
from iapeer_memory.index.sqlite.writer import SqliteWriter
from iapeer_memory.index.stems import Stemmer

CACHE_KIB = 8_192
"""Pages that the writer keeps in memory."""

READER_CACHE_KIB = 6_144
"""Pages that a reader keeps: the index of a thousand notes has 10 MB."""


class SqliteEngine:
    """Implements `index.port.Engine` over one file."""

    __slots__ = ("_files", "_path", "_shared", "_uid")

    def __init__(
        self, files: Files, path: str, *, uid: int, shared: Callable[[str], str | None] = shared_filesystem
    ) -> None:
        """`shared`: the name of the network filesystem that a path lies on, None for a local one."""
        self._files = files
        self._path = path
        self._uid = uid
        self._shared = shared

    def writer(self, fingerprint: str) -> SqliteWriter:
        """Open for writing; an absent file is made, one of another fingerprint emptied. Raises IndexBroken."""
        self._own()
        forms: list[tuple[str, str]] = []
        stemmer = Stemmer(lambda form, stem: forms.append((form, stem)))
        connection = self._connect("rw")
        try:
            with translated(self._path):
                new = schema.is_new(connection)
                if not new and not schema.is_ours(connection):
                    raise IndexBroken(f"the index {self._path} was not written by this version", remedy=REBUILT)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                schema.speak(connection, stemmer)
                if new:
                    schema.create(connection)
                damage = schema.damage(connection)
                if damage is not None:
                    raise IndexBroken(f"the index {self._path} is damaged ({damage})", remedy=REBUILT)
                self._keep_fingerprint(connection, fingerprint)
        except BaseException:
            connection.close()
            raise
        return SqliteWriter(connection, self._path, stemmer, forms)

    def reader(self) -> SqliteReader:
        """Open for reading. Raises IndexBroken, IndexFailed."""
        return self._read("ro")

    def onlooker(self) -> SqliteReader:
        """Open for reading as somebody who may leave no trace, not even empty journal files. Raises IndexBroken,
        IndexFailed."""
        return self._read("still" if self._files.lstat(f"{self._path}-wal") is None else "ro")

    def _read(self, mode: Literal["ro", "still"]) -> SqliteReader:
        self._own()
        if self._files.lstat(self._path) is None:
            raise IndexFailed(f"there is no index {self._path} yet")
        connection = self._connect(mode)
        try:
            with translated(self._path):
                if schema.is_new(connection):
                    raise IndexFailed(f"the index {self._path} is still being made", remedy="ask again in a moment")
                if not schema.is_ours(connection):
                    raise IndexBroken(f"the index {self._path} was not written by this version", remedy=REBUILT)
                connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
        reader = SqliteReader(connection, self._path)
        schema.speak(connection, reader.stemmer)
        return reader

    def reset(self) -> None:
        """Remove the file and what SQLite keeps beside it. Raises UnsafePath, OSError."""
        self._own()
        remove_database(self._files, self._path)

    def _connect(self, mode: Literal["rw", "ro", "still"]) -> sqlite3.Connection:
        with translated(self._path):
            try:
                return open_database(self._files, self._path, mode=mode, any_thread=mode != "rw")
            except OSError as error:
                raise IndexFailed(f"the index {self._path} cannot be opened ({error.strerror or error})") from None

    def _own(self) -> None:
        """Refuse a link, a special file or somebody else's file in the place of ours, and another host's disk. Raises
        UnsafePath, IndexFailed."""
        network = self._shared(self._path)
        if network is not None:
            raise IndexFailed(
                f"the index {self._path} would lie on a network filesystem ({network}), where it cannot be kept whole",
                remedy="set IAPEER_MEMORY_CACHE_DIR in config.env to a folder on a local disk",
            )
        for path in (self._path, *(self._path + tail for tail in SIDE_FILES)):
            found = self._files.lstat(path)
            if found is not None and (found.kind != "file" or found.uid != self._uid):
                whose = f"is a {found.kind}, not a file" if found.kind != "file" else "belongs to another user"
                raise UnsafePath(path, whose, remedy=f"move {quote(path)} away and start memoryd again")

    def _keep_fingerprint(self, connection: sqlite3.Connection, fingerprint: str) -> None:
        row = connection.execute("SELECT value FROM facts WHERE name = 'fingerprint'").fetchone()
        if row and row[0] == fingerprint:
            return
        with changing(connection):
            schema.empty(connection)
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('fingerprint', ?)", (fingerprint,))
