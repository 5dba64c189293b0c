"""The notes that wait for a curator: read from the files themselves, told oldest first and a page at a time.

A note stays in the queue until its flag is cleared, so each tick tells it again; with more than a page, those told
longest ago come first, and every one has its turn. Never reads the archive. Source: the reference core's queue; the
paging is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.curation.moment import parse
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.vault.layout import MONITORED, Locale
from iapeer_memory.vault.note import NOTE_LIMIT
from iapeer_memory.vault.service import service
from iapeer_memory.vault.walk import Rules, walk

PAGE = 50
"""Notes told in one tick."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A note of the queue: its vault-relative path, and since when it waits, seconds since the epoch."""

    path: str
    since: float


def never() -> bool:
    """Nobody asks to stop."""
    return False


def read(
    files: Files, root: str, locale: Locale, rules: Rules, *, stop: Callable[[], bool] = never
) -> tuple[Waiting, ...]:
    """The whole queue, oldest first. A note that cannot be read is passed over; `stop`: asked between notes."""
    found = []
    for path in monitored(files, root, locale, rules):
        if stop():
            break
        try:
            stat = files.lstat(f"{root}/{path}")
            keys = service(files.read(f"{root}/{path}", limit=NOTE_LIMIT)) if stat else None
        except (ProductError, OSError):
            continue
        if keys is not None and stat is not None and keys.asks_for_review:
            since = parse(keys.updated)
            found.append(Waiting(path, stat.mtime_ns / 1e9 if since is None else since))
    return tuple(sorted(found, key=by_age))


def monitored(files: Files, root: str, locale: Locale, rules: Rules) -> Iterator[str]:
    """The vault-relative paths of all notes in the folders whose notes have a genre."""
    for folder in MONITORED:
        name = locale.folders[folder]
        if rules.enters(name):
            yield from (found.path for found in walk(files, root, rules, name) if found.kind == "note")


def page(queue: Sequence[Waiting], offered: Mapping[str, int], size: int = PAGE) -> tuple[str, ...]:
    """What one tick tells, oldest first. `offered`: when each was last told."""
    turns = sorted(queue, key=lambda note: (offered.get(note.path, -1), *by_age(note)))
    return tuple(note.path for note in sorted(turns[:size], key=by_age))


def by_age(note: Waiting) -> tuple[float, str]:
    """The order of the queue."""
    return note.since, note.path
