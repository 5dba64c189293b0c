"""What a cleanup would delete, decided before anything is. Looks at the disk, never changes it.

What stays protects what overlaps with it: a root that holds, or lies in, something that stays is left alone, and stays
itself. That is repeated until nothing changes, so that no order of manifests can lead to another result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from iapeer_memory.broker.cleanup.ground import Ground
from iapeer_memory.broker.cleanup.guard import Reach, reaches
from iapeer_memory.broker.cleanup.judge import Verdict, judged
from iapeer_memory.broker.cleanup.keeps import GENERATIONS, Keep, keeps
from iapeer_memory.broker.cleanup.request import Request
from iapeer_memory.broker.cleanup.select import selected
from iapeer_memory.broker.cleanup.sight import Inode, meant, overlap, sight, takes
from iapeer_memory.broker.cleanup.survey import Spare, survey
from iapeer_memory.broker.manifest_file import beside_path
from iapeer_memory.broker.registry import Entry
from iapeer_memory.broker.wire_v1.manifest import CacheManifest
from iapeer_memory.domain.errors import FileRefused


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of every root that the request is about.

    `entries`: its manifests. `limits`: what a deletion may not meet. `reach`: of every manifest of the registry, by its
    path. `refused`: manifests that are not believed. `blocked`: why nothing at all may go.
    """

    request: Request
    verdicts: tuple[Verdict, ...]
    entries: tuple[tuple[Entry, CacheManifest], ...]
    limits: Limits
    reach: Mapping[str, Reach]
    refused: tuple[FileRefused, ...]
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """`kept`: identities of folders that stay. `signs`: manifests that may go with the cache in which they lie.
    `spares`: what roots exclude."""

    kept: frozenset[Inode]
    signs: frozenset[str]
    spares: tuple[Spare, ...]


def planned(ground: Ground, entries: Sequence[Entry], request: Request) -> Plan:
    """Decide. `entries`: the whole registry. Raises nothing: what cannot be looked at stays."""
    subjects = selected(entries, request, ground.here, now_ms=ground.now_ms)
    refused = tuple(entry.refused for entry in entries if entry.refused is not None)
    verdicts = [verdict for entry, manifest in subjects for verdict in _judged(ground, entry, manifest, request)]
    stop: str | None = None
    stay: list[Keep] = []
    reach: Mapping[str, Reach] = {}
    try:
        stay = list(keeps(ground, entries, subjects))
        reach = reaches(ground, entries)
    except FileRefused as error:
        stop = f"what stays cannot be looked at: {error.line()}"
    blind = next((entry for entry in entries if entry.refused is not None and entry.claimed is None), None)
    if blind is not None:
        stop = f"what {blind.path} protects is unknown: mend it or move it away first"
    if stop is not None:
        verdicts = [one.stays("pending", stop) if one.standing == "go" else one for one in verdicts]
    limits = _limits(verdicts, stay)
    settled = tuple(_settled(ground, verdicts, stay, limits))
    return Plan(request, settled, subjects, limits, reach, refused, blocked=stop)


def surveyed(ground: Ground, verdict: Verdict, limits: Limits) -> Verdict:
    """The verdict on a root that is to go, after a look at all that is in it."""
    if verdict.sight is None or verdict.sight.found is None:
        return verdict
    found = survey(ground.files, verdict.sight.place, verdict.sight.found, kept=limits.kept, signs=limits.signs)
    if found.objection is not None:
        return verdict.stays("pending", found.objection)
    return replace(verdict, bytes=found.bytes)


def _limits(verdicts: Sequence[Verdict], stay: Sequence[Keep]) -> Limits:
    seen = [(verdict, verdict.sight) for verdict in verdicts if verdict.sight is not None]
    kept = [keep.sight.own for keep in stay] + [place.own for verdict, place in seen if verdict.standing != "go"]
    return Limits(
        frozenset(one.inode for one in kept if one is not None),
        frozenset(beside_path(place.place, generation) for _, place in seen for generation in GENERATIONS),
        tuple(Spare(at.place, one.root.exclude_globs) for one, at in seen if one.root.exclude_globs),
    )


def _judged(ground: Ground, entry: Entry, manifest: CacheManifest, request: Request) -> Iterator[Verdict]:
    life = ground.life(manifest)
    for root in manifest.roots:
        try:
            seen = meant(ground.files, root.path)
            verdict = judged(Verdict(entry, manifest, root, seen, "go"), life, request, uid=ground.uid)
            if verdict.standing == "go" and seen is not None:
                for path in (*ground.around, ground.registry):
                    around = sight(ground.files, path)
                    if around is not None and takes(seen, around):
                        verdict = verdict.stays("pending", f"holds {path}")
        except FileRefused as error:
            verdict = Verdict(entry, manifest, root, None, "pending", f"cannot be looked at: {error.line()}")
        yield verdict


def _settled(ground: Ground, verdicts: Sequence[Verdict], stay: Sequence[Keep], limits: Limits) -> list[Verdict]:
    """No root that goes overlaps with anything that stays."""
    current = list(verdicts)
    looked = False
    while True:
        staying = [*stay, *_staying(current)]
        after = [_held(one, staying) if one.standing == "go" else one for one in current]
        if after == current:
            if looked:
                return current
            looked = True
            after = [surveyed(ground, one, limits) if one.standing == "go" else one for one in current]
        current = after


def _staying(verdicts: Sequence[Verdict]) -> Iterator[Keep]:
    for one in verdicts:
        if one.sight is not None and one.standing in ("kept", "shared", "pending"):
            yield Keep(one.sight, f"overlaps with {one.root.path}, which stays: {one.reason}", one.standing)


def _held(verdict: Verdict, staying: Sequence[Keep]) -> Verdict:
    for keep in staying:
        if verdict.sight is not None and overlap(verdict.sight, keep.sight):
            return verdict.stays(keep.standing, keep.reason)
    return verdict
