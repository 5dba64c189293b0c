"""Whose words a peer's context may hold: which notes are its own, and which of them somebody vouches for. Pure.

A peer's own notes: those in its own subfolder of agent memory, whoever wrote them, and shared notes of which it is
author or coauthor. Stale and archived ones are left out. Source: the reference core's author index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

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
    return tuple(
        n for n in notes if locale.group(n.status) != "stale" and locale.folder_of(n.path) not in ("archive", "system")
    )


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


def recent(notes: Iterable[NoteSummary], locale: Locale, peer: str, count: int) -> tuple[NoteSummary, ...]:
    """The shared notes of others that changed last and are vouched for, newest first. Undated ones are not recent."""
    others = [
        n
        for n in live(notes, locale)
        if locale.folder_of(n.path) in CANON
        and peer not in (n.author, *n.coauthors)
        and changed(n)
        and vouched(n, peer, locale)
    ]
    return tuple(sorted(others, key=lambda n: (changed(n), n.path), reverse=True)[:count])


def changed(note: NoteSummary) -> str:
    """When a note changed last, as far as it says: text that sorts by time."""
    return note.updated or note.created or ""
