"""Whose words a peer's context may hold: which notes are its own, and which of them somebody vouches for. Pure.

A peer's own notes: those in its own subfolder of agent memory, whoever wrote them, and shared notes of which it is
author or coauthor. Stale and archived ones are left out. Source: the reference core's author index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from iapeer_memory.index.records import Filter, NoteSummary
from iapeer_memory.vault.layout import CANON, Locale

UNSTAMPED = "unstamped"
"""The editor that memoryd names where it cannot tell who wrote."""


def vouched(note: NoteSummary, peer: str, locale: Locale) -> bool:
    """Whether its words may enter the peer's context by themselves: the peer wrote them last, or it is known who did
    and they have been reviewed. A note that nobody stamped yet is the peer's where it says so itself, or says nothing
    and lies in the peer's own folder."""
    editor = note.last_edited_by
    if editor is None:
        return (note.author or locale.owner_of(note.path)) == peer
    return editor == peer or (editor != UNSTAMPED and note.reviewed)


def live(notes: Iterable[NoteSummary], locale: Locale) -> Iterator[NoteSummary]:
    """Notes that are neither stale nor archived."""
    stale: dict[str | None, bool] = {}
    for note in notes:
        if note.status not in stale:
            stale[note.status] = locale.group(note.status) == "stale"
        if not stale[note.status] and locale.folder_of(note.path) not in ("archive", "system"):
            yield note


def own(notes: Iterable[NoteSummary], locale: Locale, peer: str) -> tuple[NoteSummary, ...]:
    """The peer's own live notes, vouched for or not, by path."""
    mine = (note for note in live(notes, locale) if _is_of(note, locale, peer))
    return tuple(sorted(mine, key=lambda n: n.path))


def where_own(locale: Locale, peer: str) -> tuple[Filter, ...]:
    """What to ask an index for: all of the peer's own notes are admitted by one of these, and few others."""
    return Filter(folders=(f"{locale.folders['agent_memory']}/{peer}",)), Filter(authors=(peer,))


def changed(note: NoteSummary) -> str:
    """When a note changed last, as far as it says: text that sorts by time."""
    return note.updated or note.created or ""


def _is_of(note: NoteSummary, locale: Locale, peer: str) -> bool:
    owner = locale.owner_of(note.path)
    if owner is not None:
        return owner == peer
    return locale.folder_of(note.path) in CANON and peer in (note.author, *note.coauthors)
