"""Which of a peer's notes its index shows, and in what order. Pure.

Source: the reference core's author index: quotas by subtype and type, overflow by order, caps. Better than there: a
shared note of an unknown type is shown with its folder's genre, and a full index trims nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.context.notes import changed
from iapeer_memory.index.records import NoteSummary
from iapeer_memory.vault.layout import CANON, Folder, Group, Locale, bare_token

QUOTA = 10
PROFILES_FIRST, PROFILES = 1, 3
PROFILE = 3
"""Where the subtype of a person's profile stands among a locale's subtypes."""

CAP = 50
PROJECTS_SOFT = 15
GROUPS: tuple[Group | None, ...] = ("active", "pending", "stale", None)
BOOST: Mapping[Group | None, float] = {"active": 1.2, "pending": 0.8, "stale": 0.5, None: 1.0}


@dataclass(frozen=True, slots=True)
class Selection:
    """What is shown, in order, by folder; `memory_total`, `canon_total`: how many there are; `trimmed`: how many notes
    of projects are left out; `left_out`: the same of every folder."""

    memory: tuple[NoteSummary, ...]
    canon: Mapping[Folder, tuple[NoteSummary, ...]]
    projects: tuple[NoteSummary, ...]
    memory_total: int
    canon_total: int
    trimmed: int
    left_out: Mapping[Folder, int]

    @property
    def canon_kept(self) -> int:
        """How many shared notes outside of projects are shown."""
        return sum(map(len, self.canon.values()))

    @property
    def cut(self) -> bool:
        """Whether anything is left out."""
        return len(self.memory) < self.memory_total or self.canon_kept < self.canon_total or self.trimmed > 0


def select(own: Sequence[NoteSummary], locale: Locale, links: Mapping[str, int], *, full: bool = False) -> Selection:
    """The selection of a peer's own notes. `links`: path → how many notes it is linked with; `full`: leave none out.
    A shared note is listed under the folder of its type, else under the one that it lies in."""
    mine: list[NoteSummary] = []
    shared: list[NoteSummary] = []
    for note in own:
        (mine if locale.owner_of(note.path) else shared).append(note)
    memory = _order(mine, locale, lambda n: _subtype(n, locale))
    by_type = {locale.genres[folder].type: folder for folder in CANON}
    genres = {n.path: by_type.get(bare_token(n.type or "")) or locale.folder_of(n.path) or "knowledge" for n in shared}
    ranked = _order(shared, locale, lambda n: -score(n, locale, links))
    canon = [n for n in ranked if genres[n.path] != "projects"]
    projects = [n for n in ranked if genres[n.path] == "projects"]
    kept_memory, kept_canon, kept_projects = memory, canon, projects
    if not full:
        kept_memory = _within(memory, lambda n: _subtype(n, locale), {PROFILE: PROFILES_FIRST}, {PROFILE: PROFILES})
        kept_canon = _within(canon, lambda n: CANON.index(genres[n.path]), {}, {})
        kept_projects = _trim(projects, locale)
    by_folder: dict[Folder, list[NoteSummary]] = defaultdict(list)
    for note in kept_canon:
        by_folder[genres[note.path]].append(note)
    return Selection(
        memory=tuple(kept_memory),
        canon={folder: tuple(notes) for folder, notes in by_folder.items()},
        projects=tuple(kept_projects),
        memory_total=len(memory),
        canon_total=len(canon),
        trimmed=len(projects) - len(kept_projects),
        left_out={
            **Counter(genres[n.path] for n in ranked) - Counter(genres[n.path] for n in (*kept_canon, *kept_projects)),
            "agent_memory": len(memory) - len(kept_memory),
        },
    )


def score(note: NoteSummary, locale: Locale, links: Mapping[str, int]) -> float:
    """How much a shared note matters: its links, weighed by its status."""
    return links.get(note.path, 0) * BOOST[locale.group(note.status)]


def _order(notes: Sequence[NoteSummary], locale: Locale, middle: Callable[[NoteSummary], float]) -> list[NoteSummary]:
    """By life-cycle group, then `middle`, then newest first to the minute, then title."""
    ordered = sorted(notes, key=lambda n: (n.title, n.path))
    ordered.sort(key=lambda n: changed(n)[:16], reverse=True)
    group = {status: GROUPS.index(locale.group(status)) for status in {n.status for n in notes}}
    return sorted(ordered, key=lambda n: (group[n.status], middle(n)))


def _subtype(note: NoteSummary, locale: Locale) -> int:
    word = bare_token(note.subtype or "")
    return locale.subtypes.index(word) if word in locale.subtypes else len(locale.subtypes)


def _within(
    notes: Sequence[NoteSummary],
    kind: Callable[[NoteSummary], int],
    first: Mapping[int, int],
    most: Mapping[int, int],
) -> list[NoteSummary]:
    """At most CAP notes: of each kind its quota (`first`), then the rest by order up to the kind's limit (`most`)."""
    taken: set[str] = set()
    count: dict[int, int] = defaultdict(int)
    for limits, usual in ((first, QUOTA), (most, CAP)):
        for note in notes:
            of = kind(note)
            if note.path not in taken and count[of] < limits.get(of, usual) and len(taken) < CAP:
                taken.add(note.path)
                count[of] += 1
    return [n for n in notes if n.path in taken]


def _trim(projects: Sequence[NoteSummary], locale: Locale) -> list[NoteSummary]:
    """Above the soft limit without pending notes, the oldest first; then at most CAP."""
    pending = sorted((n for n in projects if locale.group(n.status) == "pending"), key=lambda n: (changed(n), n.path))
    dropped = {n.path for n in pending[: max(0, len(projects) - PROJECTS_SOFT)]}
    return [n for n in projects if n.path not in dropped][:CAP]
