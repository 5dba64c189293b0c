"""Which manifests may go themselves. Pure.

A manifest is what protects the notes it names. It stays as long as another one that stays would have them deleted, so
that no sequence of cleanups can do in two steps what none may do in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.broker.cleanup.ground import Ground
from iapeer_memory.broker.cleanup.judge import KEPT
from iapeer_memory.broker.cleanup.sight import Sight, meant, overlap, sight
from iapeer_memory.broker.registry import Entry
from iapeer_memory.broker.wire_v1.manifest import CacheRoot
from iapeer_memory.domain.door import Files


@dataclass(frozen=True, slots=True)
class Reach:
    """What one manifest protects, and what it would have deleted."""

    protects: tuple[Sight, ...] = ()
    deletes: tuple[Sight, ...] = ()


def reaches(ground: Ground, entries: Sequence[Entry]) -> dict[str, Reach]:
    """By the path of the manifest; of what can be read at all. Raises Unreadable."""
    return {
        entry.path: Reach(
            tuple(_seen(ground, [root for root in manifest.roots if root.disposition in KEPT], meant)),
            tuple(_seen(ground, [root for root in manifest.roots if root.disposition not in KEPT], sight)),
        )
        for entry in entries
        if (manifest := entry.manifest or entry.claimed) is not None
    }


def needed_against(path: str, staying: Sequence[str], known: Mapping[str, Reach]) -> str | None:
    """A manifest among those that stay from which this one protects something; None when there is none."""
    mine = known.get(path, Reach())
    for other in staying:
        if any(overlap(root, kept) for root in known.get(other, Reach()).deletes for kept in mine.protects):
            return other
    return None


def _seen(ground: Ground, roots: Sequence[CacheRoot], look: Callable[[Files, str], Sight | None]) -> Iterator[Sight]:
    for root in roots:
        found = look(ground.files, root.path)
        if found is not None:
            yield found
