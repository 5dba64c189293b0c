"""Which notes a peer is shown, and as what lines. Pure.

A peer's own notes: those in its own subfolder of agent memory, whoever wrote them, and shared notes of which it is
author or coauthor. Stale and archived ones are left out. Source: the reference core's author index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from iapeer_memory.index.port import NoteSummary
from iapeer_memory.vault.layout import CANON, Folder, Group, Locale
from iapeer_memory.vault.note import one_line

LONGEST_LINE = 200
DESCRIPTION = 120
GROUPS: tuple[Group | None, ...] = ("active", "pending", None)


def live(notes: Iterable[NoteSummary], locale: Locale) -> tuple[NoteSummary, ...]:
    """Notes that are neither stale nor archived."""
    return tuple(
        n for n in notes if locale.group(n.status) != "stale" and locale.folder_of(n.path) not in ("archive", "system")
    )


def by_owner(notes: Iterable[NoteSummary], locale: Locale) -> Mapping[str, tuple[NoteSummary, ...]]:
    """Peer → its own notes, in the order in which they are shown."""
    owned: dict[str, list[NoteSummary]] = defaultdict(list)
    for note in live(notes, locale):
        folder = locale.folder_of(note.path)
        owner = locale.owner_of(note.path)
        if owner is not None:
            owned[owner].append(note)
        elif folder in CANON:
            for name in dict.fromkeys((note.author, *note.coauthors)):
                if name:
                    owned[name].append(note)
    return {owner: order(mine, locale) for owner, mine in owned.items()}


def order(notes: Iterable[NoteSummary], locale: Locale) -> tuple[NoteSummary, ...]:
    """By folder, life-cycle group, subtype, then newest first, then title."""
    folders = ("agent_memory", *CANON, None)
    newest = sorted(notes, key=lambda n: n.title)
    newest.sort(key=changed, reverse=True)
    return tuple(
        sorted(
            newest,
            key=lambda n: (
                folders.index(locale.folder_of(n.path) if locale.folder_of(n.path) in folders else None),
                GROUPS.index(group) if (group := locale.group(n.status)) in GROUPS else len(GROUPS),
                locale.subtypes.index(n.subtype) if n.subtype in locale.subtypes else len(locale.subtypes),
            ),
        )
    )


def recent(notes: Iterable[NoteSummary], locale: Locale, peer: str, count: int) -> tuple[NoteSummary, ...]:
    """The shared notes of others that changed last, newest first. A note without a date is not recent."""
    others = [
        n
        for n in live(notes, locale)
        if locale.folder_of(n.path) != "agent_memory" and n.author != peer and peer not in n.coauthors and changed(n)
    ]
    return tuple(sorted(others, key=lambda n: (changed(n), n.path), reverse=True)[:count])


def changed(note: NoteSummary) -> str:
    """When a note changed last, as far as it says: text that sorts by time."""
    return note.updated or note.created or ""


def line(note: NoteSummary) -> str:
    """`- [[title]] · subtype or tags · status · «description» · date`; parts that are missing are left out."""
    kind = note.subtype or ", ".join(note.tags[:4])
    parts = [kind, note.status or "", _quoted(note.description), changed(note)[:10]]
    text = " · ".join([f"[[{note.title}]]", *(one_line(p) for p in parts if p)])
    return "- " + clip(text, LONGEST_LINE)


def sections(notes: Sequence[NoteSummary], locale: Locale) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(heading, lines) of each monitored folder that holds one of these notes, agent memory first."""
    found: dict[Folder, list[str]] = {}
    for note in notes:
        folder = locale.folder_of(note.path)
        if folder in locale.sections and folder is not None:
            found.setdefault(folder, []).append(line(note))
    return tuple(
        (f"{locale.sections[folder]} (`{locale.folders[folder]}/`)", tuple(found[folder]))
        for folder in ("agent_memory", *CANON)
        if folder in found
    )


def clip(text: str, longest: int) -> str:
    """At most that many characters, cut at a blank where one is near."""
    if len(text) <= longest:
        return text
    edge = text.rfind(" ", longest * 3 // 5, longest - 1)
    return text[: edge if edge > 0 else longest - 1].rstrip() + "…"


def _quoted(description: str | None) -> str:
    return f"«{clip(one_line(description), DESCRIPTION)}»" if description else ""
