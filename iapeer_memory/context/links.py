"""How many notes a note is linked with, either way. Pure.

Source: the reference core's author index: unique notes that link to it plus unique notes that it links to, itself left
out. Better than there: a link that names a note by its path counts too.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iapeer_memory.index.records import LinkGraph


@dataclass(frozen=True, slots=True)
class Linked:
    """A note, the names by which links may call it (title, aliases), and the targets of its own links as written."""

    path: str
    names: tuple[str, ...]
    targets: tuple[str, ...]


def of_graph(graph: LinkGraph) -> Mapping[str, int]:
    """path → count, from an index; unlinked notes are left out."""
    pairs = {(source, target) for source, target, _ in graph.edges if source != target}
    lost = {(link.source, _key(link.target)) for link in graph.unresolved}
    return Counter(source for source, _ in pairs | lost) + Counter(target for _, target in pairs)


def of_notes(notes: Iterable[Linked]) -> Mapping[str, int]:
    """The same from the notes themselves. A target that could mean two notes counts for neither."""
    notes = tuple(notes)
    by_name: dict[str, set[str]] = defaultdict(set)
    for note in notes:
        for name in (note.path, note.path.rpartition("/")[2], *note.names):
            by_name[_key(name)].add(note.path)
    count: Counter[str] = Counter()
    for note in notes:
        targets: set[str] = set()
        for target in note.targets:
            meant = by_name.get(_key(target), set())
            targets.add(next(iter(meant)) if len(meant) == 1 else _key(target))
        targets.discard(note.path)
        count[note.path] += len(targets)
        count.update(targets)
    known = {note.path for note in notes}
    return {path: number for path, number in count.items() if number and path in known}


def _key(name: str) -> str:
    """A name as it is compared: composed, without letter case, heading, alias and `.md`."""
    bare = name.partition("|")[0].partition("#")[0].strip().removeprefix("./")
    return unicodedata.normalize("NFC", bare).casefold().removesuffix(".md")
