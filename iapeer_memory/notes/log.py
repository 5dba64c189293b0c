"""Reading the history: its log, day by day, and the bytes of a version. Never writes.

A line that a crash has torn, and a version that is not what its digest says, are left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.notes.history import blob_path, day
from iapeer_memory.notes.record import Record, read_line
from iapeer_memory.vault.sha256 import sha256_hex

SUFFIX = ".log"


def log_days(files: Files, folder: str) -> tuple[str, ...]:
    """The days that have a log, oldest first."""
    return tuple(name.removesuffix(SUFFIX) for name in files.list(f"{folder}/log") if name.endswith(SUFFIX))


def records(
    files: Files,
    folder: str,
    *,
    since: float = 0.0,
    wanted: Callable[[bytes], bool] | None = None,
    newest_first: bool = False,
) -> Iterator[Record]:
    """The records of the log, in the order of its lines; one day is in memory at a time.

    `since`: seconds since the epoch. `wanted`: asked of a whole day and of each line before it is parsed.
    """
    first = day(since)
    days = [name for name in log_days(files, folder) if name >= first]
    for name in reversed(days) if newest_first else days:
        data = files.read_optional(f"{folder}/log/{name}{SUFFIX}")
        if data is None or (wanted is not None and not wanted(data)):
            continue
        lines = data.split(b"\n")
        for line in reversed(lines) if newest_first else lines:
            if not line or (wanted is not None and not wanted(line)):
                continue
            record = read_line(line)
            if record is not None and record.time >= since:
                yield record


def read_version(files: Files, folder: str, digest: str) -> bytes:
    """The bytes of a version. Raises Unreadable when they are gone or are not what was stored."""
    place = blob_path(folder, digest)
    packed = files.read_optional(place)
    try:
        data = None if packed is None else zlib.decompress(packed)
    except zlib.error:
        data = None
    if data is None or sha256_hex(data) != digest:
        raise Unreadable(place, "the stored version is gone or damaged", remedy="iapeer-memory note history NOTE")
    return data


def has_version(files: Files, folder: str, digest: str) -> bool:
    """Whether the bytes of a version are there and whole."""
    try:
        read_version(files, folder, digest)
    except Unreadable:
        return False
    return True
