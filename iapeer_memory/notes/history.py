"""What notes once said, outside the vault: every version that was seen, by its digest, and a log of what happened.

    <state dir>/history/    0700; every file in it 0600
        blobs/ab/cdef…      a version: zlib of its bytes, named by their SHA-256
        log/2026-11-21.log  a line an event (`notes.record`), a file a day (UTC)
        spool/<token>.<digest>  a file that a change has displaced, until nobody can write to it any more

Written by several processes at once without a lock: a version is written whole under its own name or not at all, a
record is one append. Keeps nothing in memory. This half is what the post-write hook uses: it imports nothing heavy.
"""

from __future__ import annotations

import time
import zlib

from iapeer_memory.notes.record import Record
from iapeer_memory.vault.sha256 import sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    class Store(Protocol):
        """What of `domain.door.Files` the writing half needs; `egress.barefiles.BareFiles` is enough."""

        def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None: ...
        def create(self, path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> bool: ...
        def mkdir(self, path: str, *, mode: int = 0o755) -> None: ...


PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
FAST = 1
"""Compression level: notes are small, and the hook has no time."""


class History:
    """The writing half. `files`: where it writes; `folder`: its own; `now`: seconds since the epoch.

    Everything here raises OSError: what cannot be kept must not be displaced.
    """

    __slots__ = ("_files", "_made", "_now", "folder")

    def __init__(self, files: Store, folder: str, now: Callable[[], float]) -> None:
        self._files = files
        self._now = now
        self._made = False
        self.folder = folder

    def keep(
        self, path: str, data: bytes, *,
        event: str = "seen", writer: str = "", after: str = "", token: str = "", other: str = "", durable: bool = False,
    ) -> str:  # fmt: skip
        """Keep a version of a note and record the event; the digest. `durable`: on the disk before we return."""
        digest = sha256_hex(data)
        self.put(digest, data, durable=durable)
        self.record(Record(
            self._now(), event, writer, digest, path, after=after, size=len(data), token=token, other=other
        ))  # fmt: skip
        return digest

    def keep_all(self, versions: Iterable[tuple[str, bytes, str]], *, event: str = "seen") -> int:
        """Keep many (path, bytes, writer) with one append; how many. Follow it by one `files.sync(folder)` a pass."""
        lines: list[bytes] = []
        now = self._now()
        for path, data, writer in versions:
            digest = sha256_hex(data)
            self.put(digest, data)
            lines.append(Record(now, event, writer, digest, path, size=len(data)).line())
        if lines:
            self._append(now, b"".join(lines))
        return len(lines)

    def happened(
        self, event: str, path: str, *, writer: str = "", other: str = "", digest: str = "", token: str = ""
    ) -> None:
        """Record an event that brings no bytes: deleted, archived, unarchived, renamed, snapshot."""
        self.record(Record(self._now(), event, writer, digest, path, token=token, other=other))

    def record(self, record: Record) -> None:
        """Append a record."""
        self._append(record.time, record.line())

    def put(self, digest: str, data: bytes, *, durable: bool = False) -> None:
        """Store bytes under their digest; nothing where they are there already."""
        self._make()
        place = blob_path(self.folder, digest)
        packed = zlib.compress(data, FAST)
        try:
            self._files.create(place, packed, mode=PRIVATE, durable=durable)
        except FileNotFoundError:
            self._files.mkdir(place.rpartition("/")[0], mode=PRIVATE_FOLDER)
            self._files.create(place, packed, mode=PRIVATE, durable=durable)

    def spool(self) -> str:
        """The folder for displaced files, made if needed."""
        self._make()
        place = f"{self.folder}/spool"
        self._files.mkdir(place, mode=PRIVATE_FOLDER)
        return place

    def _make(self) -> None:
        """The folder that keeps everybody else out, whatever is made in it."""
        if not self._made:
            self._files.mkdir(self.folder, mode=PRIVATE_FOLDER)
            self._made = True

    def _append(self, when: float, lines: bytes) -> None:
        self._make()
        place = f"{self.folder}/log/{day(when)}.log"
        try:
            self._files.append(place, lines, mode=PRIVATE)
        except FileNotFoundError:
            self._files.mkdir(f"{self.folder}/log", mode=PRIVATE_FOLDER)
            self._files.append(place, lines, mode=PRIVATE)


def blob_path(folder: str, digest: str) -> str:
    """Where a version is stored."""
    return f"{folder}/blobs/{digest[:2]}/{digest[2:]}"


def day(when: float) -> str:
    """The day of a moment, UTC: the name of its log."""
    return time.strftime("%Y-%m-%d", time.gmtime(when))
