"""Checks of the central registry and of each manifest in it, of both generations and of all boots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename

from iapeer_memory.broker.cleanup.lives import lives
from iapeer_memory.broker.doctor.check import Check
from iapeer_memory.broker.liveness import Life
from iapeer_memory.broker.registry import Entry, origin, scan
from iapeer_memory.broker.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Registered:
    """One manifest file, and whether its daemon is dead; None where it is not believed."""

    entry: Entry
    life: Life | None = None


def look_at_manifests(around: Surroundings) -> tuple[Registered, ...]:
    """Every manifest of the registry. Raises nothing."""
    entries = scan(around.door.files, around.registry.path, uid=around.uid)
    told = lives(around, entries)
    return tuple(Registered(entry, None if entry.manifest is None else told(entry.manifest)) for entry in entries)


def manifest_checks(around: Surroundings, found: tuple[Registered, ...]) -> Iterator[Check]:
    """`manifests:dir`, then one check a file."""
    path = around.registry.path
    place = f"{path} ({around.registry.source})"
    whole = next((one.entry.refused for one in found if one.entry.path == path), None)
    if whole is not None:
        yield Check("manifests:dir", "FAIL", f"{place}: {whole.line()}")
        return
    yield Check("manifests:dir", "PASS", f"{place}: {len(found)} manifests")
    for one in found:
        yield _check(around, one)


def _check(around: Surroundings, one: Registered) -> Check:
    name = f"manifest:{basename(one.entry.path)}"
    manifest = one.entry.manifest
    if manifest is None:
        return Check(name, "FAIL", one.entry.refused.line() if one.entry.refused else "is not believed")
    kept = f"{len(manifest.roots)} roots"
    made = origin(manifest.host, around.here)
    if made == "another machine":
        return Check(name, "WARN", f"{kept}; made on another machine, left alone here")
    if manifest.current_daemon is None:
        return Check(name, "PASS", f"{kept}; no daemon is recorded")
    if made == "another boot":
        return Check(name, "WARN", f"{kept}; stale: made before this machine was started")
    if one.life is not None and one.life.state == "dead":
        return Check(name, "WARN", f"{kept}; stale: {one.life.detail}")
    return Check(name, "PASS", f"{kept}; {one.life.detail if one.life else ''}")
