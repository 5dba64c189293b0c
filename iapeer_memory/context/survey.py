"""What all notes together tell that contexts need: what others changed last, and which projects there are. Pure.

Looks at one note after the other and keeps only what is told: a vault may hold more than fits well into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop

from iapeer_memory.context.notes import changed, live, vouched
from iapeer_memory.context.projects import project_of
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.layout import CANON, Locale

Aged = tuple[str, str, NoteSummary]
"""When it changed, its path, the note."""


@dataclass(frozen=True, slots=True)
class Survey:
    """`recent`: of each peer, what others changed last outside of agent memory and somebody vouches for, newest first.
    `overviews`: the notes that say where their project is worked on; `projects`: the names of all projects' folders."""

    recent: Mapping[str, tuple[NoteSummary, ...]]
    overviews: tuple[NoteSummary, ...]
    projects: tuple[str, ...]


def survey(notes: Iterable[NoteSummary], locale: Locale, peers: Sequence[str] = (), most: int = 0) -> Survey:
    """Look at every note once. `most`: how many recent ones a peer is shown."""
    newest: dict[str, list[Aged]] = {peer: [] for peer in peers}
    overviews: list[NoteSummary] = []
    projects: dict[str, None] = {}
    for note in live(notes, locale):
        if project := project_of(note.path, locale):
            projects[project] = None
            if note.directory:
                overviews.append(note)
        if changed(note) and locale.folder_of(note.path) in CANON:
            aged = changed(note), note.path, note
            for peer, found in newest.items():
                if len(found) < most or aged[:2] > found[0][:2]:
                    _keep(found, aged, peer, locale, most)
    recent = {peer: tuple(note for _, _, note in sorted(found, reverse=True)) for peer, found in newest.items()}
    return Survey(recent, tuple(overviews), tuple(projects))


def _keep(found: list[Aged], aged: Aged, peer: str, locale: Locale, most: int) -> None:
    """Among the newest of a peer, if it is another's and vouched for."""
    note = aged[2]
    if most and peer not in (note.author, *note.coauthors) and vouched(note, peer, locale):
        if len(found) < most:
            heappush(found, aged)
        else:
            heappushpop(found, aged)
