"""Which versions stay: those of the last 90 days, within a size. What a note says now is no version that ages.

A version's days begin when it stopped being the note's text: replaced, or deleted with the note. Over the size, those
go first that stopped first; the only version of a note that still stands goes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iapeer_memory.domain.door import Files
from iapeer_memory.notes.history import blob_path, day
from iapeer_memory.notes.log import SUFFIX, log_days, records
from iapeer_memory.notes.record import Record, is_digest, read_line
from iapeer_memory.notes.versions import MOVES, composed

KEEP_SECONDS = 90 * 86400.0
KEEP_BYTES = 512 << 20
BLOCK = 4096
"""What the smallest file takes on a disk."""
FRESH = 3600.0
"""Seconds for which a stored version may still be without a record."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """`versions`: removed; `kept_bytes`: on the disk now; `forced`: how many of the removed had days left."""

    versions: int
    kept_bytes: int
    forced: int


def ends(log: Iterable[Record]) -> dict[str, float | None]:
    """When each kept version stopped being what some note says; None while one still does. Pure, and one pass.

    A digest that several notes had counts by the latest.
    """
    current: dict[str, str] = {}
    ended: dict[str, float | None] = {}
    living: dict[str, int] = {}

    def stop(name: str, when: float) -> None:
        digest = current.pop(name, "")
        if digest:
            living[digest] -= 1
            ended[digest] = max(ended.get(digest) or 0.0, when)

    for record in log:
        name = composed(record.path)
        if record.digest and current.get(name) != record.digest:
            stop(name, record.time)
            current[name] = record.digest
            living[record.digest] = living.get(record.digest, 0) + 1
        if record.event == "deleted":
            stop(name, record.time)
        elif record.event in MOVES and name in current:
            there = composed(record.other)
            stop(there, record.time)
            current[there] = current.pop(name)
    return {digest: None if count else ended.get(digest, 0.0) for digest, count in living.items()}


def choose(
    end_of: Mapping[str, float | None], sizes: Mapping[str, int], now: float, *, max_age: float, max_bytes: int
) -> tuple[frozenset[str], int]:
    """(digests that stay, how many went for the size alone). Pure. `sizes`: bytes on the disk, of those that exist."""
    young = [digest for digest in sizes if digest in end_of and is_young(end_of[digest], now, max_age)]
    young.sort(key=lambda digest: (end_of[digest] is not None, -(end_of[digest] or 0.0)))
    total, kept = 0, []
    for digest in young:
        total += blocks(sizes[digest])
        if total > max_bytes:
            break
        kept.append(digest)
    return frozenset(kept), len(young) - len(kept)


def is_young(end: float | None, now: float, max_age: float) -> bool:
    """Whether a version still has days left."""
    return end is None or now - end <= max_age


def blocks(size: int) -> int:
    """Bytes that a file of that size takes."""
    return max(1, -(-size // BLOCK)) * BLOCK


def prune(
    files: Files, folder: str, *, now: float, max_age: float = KEEP_SECONDS, max_bytes: int = KEEP_BYTES
) -> Pruned:  # fmt: skip
    """Remove the versions that do not stay, and the lines about them in logs of days gone by. Raises OSError.

    Takes a second per 50,000 versions: once a day is enough.
    """
    end_of = ends(records(files, folder))
    sizes, young = stored(files, folder, now)
    kept, forced = choose(end_of, sizes, now, max_age=max_age, max_bytes=max_bytes)
    gone = [digest for digest in sizes if digest not in kept and (digest in end_of or digest not in young)]
    for digest in gone:
        files.remove(blob_path(folder, digest))
    thin_log(files, folder, kept, before=day(now - max_age))
    return Pruned(len(gone), sum(blocks(sizes[digest]) for digest in kept), forced)


def stored(files: Files, folder: str, now: float) -> tuple[dict[str, int], frozenset[str]]:
    """(bytes of every stored version, those that are so young that their record may still be on its way)."""
    sizes: dict[str, int] = {}
    young: set[str] = set()
    for shard in files.list(f"{folder}/blobs"):
        for name in files.list(f"{folder}/blobs/{shard}"):
            digest = shard + name
            found = files.lstat(blob_path(folder, digest)) if is_digest(digest) else None
            if found is not None:
                sizes[digest] = found.size
                if now - found.mtime_ns / 1e9 < FRESH:
                    young.add(digest)
    return sizes, frozenset(young)


def thin_log(files: Files, folder: str, kept: frozenset[str], *, before: str) -> None:
    """Leave in old logs the lines about versions that stay. Nobody appends to the log of a day that is over."""
    for name in log_days(files, folder):
        if name >= before:
            continue
        place = f"{folder}/log/{name}{SUFFIX}"
        data = files.read_optional(place) or b""
        lines = [line for line in data.split(b"\n") if is_wanted(line, kept)]
        if not lines:
            files.remove(place)
        elif (thin := b"\n".join(lines) + b"\n") != data:
            files.write(place, thin, mode=0o600)


def is_wanted(line: bytes, kept: frozenset[str]) -> bool:
    """Whether a line of an old log is about a version that stays."""
    record = read_line(line)
    return record is not None and record.digest in kept
