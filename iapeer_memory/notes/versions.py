"""What a note said before: its versions, newest first, through every name that it had. Reads the history only.

A name is found in either composition (NFC, NFD) of its letters.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from shlex import quote

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.notes.log import records
from iapeer_memory.notes.record import Record, escaped

MOVES = ("archived", "unarchived", "renamed")
SHORT = 10
"""Letters of a digest that people are shown."""


@dataclass(frozen=True, slots=True)
class Version:
    """One event of a note. `digest`: of the bytes that are kept, "" for an event that brings none. `path`: its name
    then. `other`: where a move led. `time`: seconds since the epoch. `writer`: "" where it is not known."""

    time: float
    event: str
    writer: str
    digest: str
    size: int
    path: str
    other: str = ""

    @property
    def id(self) -> str:
        """How people name it."""
        return self.digest[:SHORT]


def versions(files: Files, folder: str, path: str) -> tuple[Version, ...]:
    """Every event of the note that has this path now, or had it last; newest first. Raises Unreadable."""
    name = composed(path)
    needles = list(spellings(path))
    found: list[Version] = []

    def wanted(text: bytes) -> bool:
        return any(needle in text for needle in needles)

    for record in records(files, folder, wanted=wanted, newest_first=True):
        moved_here = record.event in MOVES and composed(record.other) == name
        if not moved_here and composed(record.path) != name:
            continue
        if moved_here:
            # Before, it had that other name; what had this one then was another note.
            name = composed(record.path)
            needles[:] = spellings(record.path)
        version = version_of(record)
        last = found[-1] if found else None
        if last is not None and (last.digest, last.event, last.writer) == (
            version.digest,
            version.event,
            version.writer,
        ):
            # Seen again, or a change that began anew: the first of them tells when.
            found.pop()
        found.append(version)
    return tuple(found)


def pick(found: tuple[Version, ...], name: str | None, path: str, *, unlike: str = "") -> Version:
    """The version whose digest begins so; without a name, the newest whose digest is not `unlike`.

    Raises ProductError where there is none, or more than one.
    """
    kept = {version.digest: version for version in reversed(found) if version.digest}
    newest = list(reversed(kept.values()))
    matching = [v for v in newest if (v.digest.startswith(name) if name else v.digest != unlike)]
    if name is None and matching:
        return matching[0]
    if len(matching) == 1:
        return matching[0]
    what = f"version {name!r}" if name else "earlier version"
    many = f"more than one {what}" if matching else f"no {what}"
    raise ProductError(f"{many} of {printable(path)} is kept", remedy=f"iapeer-memory note history {quote(path)}")


def same_news(one: Version, other: Version) -> bool:
    """Whether two events tell a reader the same."""
    return (one.digest, one.event, one.writer, one.other) == (other.digest, other.event, other.writer, other.other)


def version_of(record: Record) -> Version:
    """The part of a record that a reader wants."""
    return Version(
        record.time, record.event, record.writer, record.digest, record.size, record.path, record.other
    )  # fmt: skip


def composed(path: str) -> str:
    """A path by which two spellings are compared."""
    return unicodedata.normalize("NFC", path)


def spellings(path: str) -> tuple[bytes, ...]:
    """What a line about the note holds, whatever composition the file's own name has."""
    name = path.rpartition("/")[2]
    forms = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
    return tuple({escaped(form) for form in forms})
