"""The projects of a peer's index: which notes form one, where its working folder is, in what order they stand. Pure.

Source: the reference core's author index: an overview's `dir:`, else the folder of that name below the projects root.
Better than there: a project whose working folder is unknown stands first, where nobody's heading is above it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import isabs, normpath

from iapeer_memory.context.notes import vouched
from iapeer_memory.context.plain import plain
from iapeer_memory.context.selection import score
from iapeer_memory.context.words import WORDS
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.layout import Locale, bare_token

LONGEST_FOLDER = 400


@dataclass(frozen=True, slots=True)
class Places:
    """Where projects may be worked on. `home`: what `~` means; `root`: the folder of projects; `existing`: those of
    `candidates` that are folders."""

    home: str
    root: str
    existing: Container[str] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A heading (its name and absolute folder, "" where the folder is unknown) and the notes below it, in order."""

    heading: str
    notes: tuple[NoteSummary, ...]


def candidates(overviews: Sequence[NoteSummary], names: Iterable[str], places: Places) -> tuple[str, ...]:
    """Every folder that may turn out to be a project's, for the caller to look whether it is there. `names`: of all
    projects."""
    named = (folder for note in overviews for folder in _named(note, places))
    usual = (_usual(name, places) for name in names)
    return tuple(dict.fromkeys(folder for folder in (*named, *usual) if folder))


def project_of(path: str, locale: Locale) -> str:
    """The project whose folder a vault-relative path lies in; "" for none."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == locale.folders["projects"] else ""


def group(
    shown: Sequence[NoteSummary],
    overviews: Sequence[NoteSummary],
    peer: str,
    locale: Locale,
    links: Mapping[str, int],
    places: Places,
) -> tuple[Project, ...]:
    """The shown notes by project, the best first. `overviews`: the notes that say where their project is; one of
    somebody else names its folder too, where it is vouched for."""
    named: dict[str, list[NoteSummary]] = defaultdict(list)
    for note in overviews:
        if vouched(note, peer, locale):
            named[project_of(note.path, locale)].append(note)
    by_name: dict[str, list[NoteSummary]] = defaultdict(list)
    for note in shown:
        by_name[project_of(note.path, locale)].append(note)
    groups = []
    for name, mine in by_name.items():
        folder = _folder(name, named.get(name, ()), places)
        best = max(score(n, locale, links) for n in mine)
        groups.append((bool(folder), -best, name, folder, mine))
    groups.sort(key=lambda g: g[:3])
    return tuple(
        Project(f"{name} — {folder}/" if folder else "", order(mine, locale, links))
        for _, _, name, folder, mine in groups
    )


def order(notes: Sequence[NoteSummary], locale: Locale, links: Mapping[str, int]) -> tuple[NoteSummary, ...]:
    """Overview, plan, phases by the order of their statuses, others; ties by links, then title."""
    words = WORDS[locale.id]

    def key(note: NoteSummary) -> tuple[int, int, int, str]:
        name = note.path.rpartition("/")[2].casefold()
        prefixes = (words.overview, words.plan, words.phase)
        kind = next((at for at, prefix in enumerate(prefixes) if name.startswith(prefix.casefold())), len(prefixes))
        status = bare_token(note.status or "")
        phase = words.phases.index(status) if status in words.phases else len(words.phases)
        return kind, phase if kind == prefixes.index(words.phase) else 0, -links.get(note.path, 0), note.title

    return tuple(sorted(notes, key=key))


def _folder(name: str, overviews: Sequence[NoteSummary], places: Places) -> str:
    """A project's working folder as it may be shown, "" where there is none."""
    for note in overviews:
        for folder in _named(note, places):
            if folder in places.existing:
                return folder
    usual = _usual(name, places)
    return usual if usual and usual in places.existing and plain(name, LONGEST_FOLDER) == name else ""


def _named(note: NoteSummary, places: Places) -> tuple[str, ...]:
    """The folder that an overview names, if it is one and nothing in it has to be cleaned away."""
    text = note.directory or ""
    if text == "~" or text.startswith("~/"):
        text = places.home + text[1:]
    if not isabs(text) or plain(text, LONGEST_FOLDER) != text:
        return ()
    return (normpath(text),) if normpath(text).strip("/") else ()


def _usual(name: str, places: Places) -> str:
    return normpath(f"{places.root}/{name}") if places.root and name not in (".", "..") else ""
