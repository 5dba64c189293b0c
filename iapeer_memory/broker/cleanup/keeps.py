"""What stays whatever a cleanup is about, so that nothing in it or around it goes. Looks, never changes anything.

Named by the caller, by the manifests that the request is not about, by manifests that are not believed but can be
read, and by those that lie in the caches themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iapeer_memory.broker.cleanup.ground import Ground
from iapeer_memory.broker.cleanup.judge import KEPT, NOT_PRUNABLE, Standing
from iapeer_memory.broker.cleanup.sight import Sight, meant
from iapeer_memory.broker.manifest_file import beside_path
from iapeer_memory.broker.registry import Entry, read_entry
from iapeer_memory.broker.service_file import Generation
from iapeer_memory.broker.wire_v1.manifest import CacheManifest, CacheRoot

GENERATIONS: tuple[Generation, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Keep:
    """One thing that stays, why, and what becomes of a root that overlaps with it."""

    sight: Sight
    reason: str
    standing: Standing


def keeps(ground: Ground, entries: Sequence[Entry], subjects: Sequence[tuple[Entry, CacheManifest]]) -> Iterator[Keep]:
    """All that stays. `entries`: the whole registry; `subjects`: those that the request is about. Raises Unreadable."""
    paths = {entry.path for entry, _ in subjects}
    for path in ground.never:
        yield from _seen(ground, (path,), f"{path} is never deleted", "kept")
    for entry in entries:
        if entry.manifest is not None and entry.path not in paths:
            yield from _of_manifest(ground, entry.manifest, "shared")
        elif entry.claimed is not None:
            yield from _of_manifest(ground, entry.claimed, "pending", f"{entry.path}, which is not believed,")
    for _, manifest in subjects:
        yield from _kept_by(ground, manifest)
    yield from _beside(ground, entries, {manifest.service_name for _, manifest in subjects})


def _beside(ground: Ground, entries: Sequence[Entry], services: set[str]) -> Iterator[Keep]:
    """By manifests in the caches of those that we know. Of a service that is cleaned up only what it may not lose."""
    known = [manifest for entry in entries if (manifest := entry.manifest or entry.claimed) is not None]
    folders = {root.path.rstrip("/") for manifest in known for root in manifest.roots if root.path.startswith("/")}
    for folder in sorted(folders):
        for generation in GENERATIONS:
            found = read_entry(ground.files, beside_path(folder, generation), generation)
            manifest = (found.manifest or found.claimed) if found else None
            if manifest is None:
                continue
            if manifest.service_name in services:
                yield from _kept_by(ground, manifest)
            else:
                yield from _of_manifest(ground, manifest, "shared")


def _of_manifest(ground: Ground, manifest: CacheManifest, standing: Standing, who: str = "") -> Iterator[Keep]:
    keeper = who or f"{manifest.service_name} {manifest.service_version}"
    for root in manifest.roots:
        yield from _seen(ground, _paths(root), f"{keeper} keeps {root.path}", standing)


def _kept_by(ground: Ground, manifest: CacheManifest) -> Iterator[Keep]:
    for root in manifest.roots:
        if root.disposition in KEPT:
            yield from _seen(ground, _paths(root), f"{NOT_PRUNABLE}: {root.path}", "kept")


def _paths(root: CacheRoot) -> tuple[str, ...]:
    return (root.path, *root.platform_paths.values())


def _seen(ground: Ground, paths: Sequence[str], reason: str, standing: Standing) -> Iterator[Keep]:
    for path in paths:
        found = meant(ground.files, path)
        if found is not None:
            yield Keep(found, reason, standing)
