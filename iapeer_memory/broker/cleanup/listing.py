"""What the registry knows: every manifest with its roots, of all boots and machines. Read-only."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.cleanup.judge import KINDS
from iapeer_memory.broker.cleanup.lives import lives
from iapeer_memory.broker.cleanup.select import last_active_ms
from iapeer_memory.broker.liveness import Life
from iapeer_memory.broker.registry import Entry, Origin, origin, scan
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.broker.wire_v1.manifest import CacheRoot, StorageDisposition

DISPOSITIONS = {value: name for name, value in vars(StorageDisposition).items() if isinstance(value, int)}


@dataclass(frozen=True, slots=True)
class Listed:
    """One manifest file. `origin` and `life`: None where it is not believed."""

    entry: Entry
    origin: Origin | None = None
    life: Life | None = None

    def as_json(self) -> dict[str, object]:
        """The manifest as JSON-able data; one that is not believed has `error` and nothing of what it says."""
        manifest = self.entry.manifest
        base: dict[str, object] = {"path": self.entry.path, "generation": self.entry.generation}
        if manifest is None:
            return base | {"error": self.entry.refused.line() if self.entry.refused else "is not believed"}
        return base | {
            "service_name": manifest.service_name,
            "service_version": manifest.service_version,
            "origin": self.origin,
            "last_active_unix_ms": last_active_ms(manifest),
            "daemon": None if manifest.current_daemon is None else manifest.current_daemon.pid,
            "daemon_state": self.life.state if self.life else None,
            "daemon_detail": self.life.detail if self.life else None,
            "roots": [_root(root) for root in manifest.roots],
        }


def listed(around: Surroundings) -> tuple[Listed, ...]:
    """Every file of the registry, sorted by path. Raises nothing."""
    entries = scan(around.door.files, around.registry.path, uid=around.uid)
    told = lives(around, entries)
    return tuple(
        Listed(entry)
        if entry.manifest is None
        else Listed(entry, origin(entry.manifest.host, around.here), told(entry.manifest))
        for entry in entries
    )


def listing(found: tuple[Listed, ...]) -> dict[str, object]:
    """All of them as JSON-able data, schema 1."""
    return {"schema_version": 1, "manifests": [one.as_json() for one in found]}


def _root(root: CacheRoot) -> dict[str, object]:
    disposition = DISPOSITIONS.get(root.disposition, str(root.disposition))
    return {"path": root.path, "kind": KINDS.get(root.kind, str(root.kind)), "disposition": disposition}
