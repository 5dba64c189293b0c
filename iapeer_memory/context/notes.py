"""Whose words a peer's context may hold: which notes are its own, and which of them somebody vouches for. Pure.

A peer's own notes: those in its own subfolder of agent memory, whoever wrote them, and shared notes of which it is
author or coauthor. Stale and archived ones are left out. Source: the reference core's author index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice

from iapeer_memory.index.port import NoteSummary
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


def live(notes: Iterable[NoteSummary], locale: Locale) -> tuple[NoteSummary, ...]:
    """Notes that are neither stale nor archived."""
    notes = tuple(notes)
    stale = {status for status in {n.status for n in notes} if locale.group(status) == "stale"}
    return tuple(n for n in notes if n.status not in stale and locale.folder_of(n.path) not in ("archive", "system"))


def by_owner(notes: Iterable[NoteSummary], locale: Locale) -> Mapping[str, tuple[NoteSummary, ...]]:
    """Peer → its own live notes, vouched for or not, by path."""
    owned: dict[str, list[NoteSummary]] = defaultdict(list)
    for note in sorted(live(notes, locale), key=lambda n: n.path):
        owner = locale.owner_of(note.path)
        if owner is not None:
            owned[owner].append(note)
        elif locale.folder_of(note.path) in CANON:
            for name in dict.fromkeys((note.author, *note.coauthors)):
                if name:
                    owned[name].append(note)
    return {owner: tuple(mine) for owner, mine in owned.items()}


def shared(notes: Iterable[NoteSummary], locale: Locale) -> tuple[NoteSummary, ...]:
    """The live notes outside of agent memory that say when they changed, newest first."""
    dated = (n for n in live(notes, locale) if changed(n) and locale.folder_of(n.path) in CANON)
    return tuple(sorted(dated, key=lambda n: (changed(n), n.path), reverse=True))


def recent(newest: Iterable[NoteSummary], locale: Locale, peer: str, count: int) -> tuple[NoteSummary, ...]:
    """The first of the shared notes that are of others and vouched for."""
    others = (n for n in newest if peer not in (n.author, *n.coauthors) and vouched(n, peer, locale))
    return tuple(islice(others, count))


def changed(note: NoteSummary) -> str:
    """When a note changed last, as far as it says: text that sorts by time."""
    return note.updated or note.created or ""
