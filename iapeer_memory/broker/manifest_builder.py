"""Cache manifests, put together step by step. Each step gives a new value; nothing is written before `register`.

Source of the steps and defaults: the running-process broker, builders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from iapeer_memory.broker.host_identity import HostIdentity
from iapeer_memory.broker.manifest_file import write_central
from iapeer_memory.broker.service_file import Generation
from iapeer_memory.broker.wire_v1.manifest import (
    ENVELOPE_VERSION,
    CacheManifest,
    CacheRoot,
    CacheRootKind,
    CleanupPolicy,
    StorageDisposition,
)
from iapeer_memory.broker.wire_v1.manifest import HostIdentity as RecordedHost
from iapeer_memory.broker.wire_v1.process import DaemonProcess

if TYPE_CHECKING:
    from iapeer_memory.broker.surroundings import Surroundings

DEFAULT_POLICY = CleanupPolicy(dormant_after_secs=30 * 86400, keep_last_n_versions=2, keep_current=True)
"""For a manifest that is built here."""


@dataclass(frozen=True, slots=True)
class ManifestBuilder:
    """A cache manifest in the making. Paths are absolute."""

    manifest: CacheManifest

    def rebuildable(self, path: str, *, kind: int = CacheRootKind.INDEX, excluding: tuple[str, ...] = ()) -> Self:
        """What can be made again, and goes with the service. `excluding`: globs of what stays."""
        return self.root(
            CacheRoot(path=path, kind=kind, disposition=StorageDisposition.PRUNE_ON_UNINSTALL, exclude_globs=excluding)
        )

    def precious(self, path: str, *, kind: int = CacheRootKind.DATA) -> Self:
        """What nobody could make again: never deleted."""
        return self.root(CacheRoot(path=path, kind=kind, disposition=StorageDisposition.NEVER_PRUNE))

    def root(self, root: CacheRoot) -> Self:
        """One root more."""
        return self._with(roots=(*self.manifest.roots, root))

    def daemon(self, process: DaemonProcess) -> Self:
        """Who uses it now."""
        return self._with(current_daemon=process)

    def policy(self, policy: CleanupPolicy) -> Self:
        """When a version that is not used may go."""
        return self._with(cleanup_policy=policy)

    def active(self, at_unix_ms: int) -> Self:
        """When it was last used."""
        return self._with(last_active_unix_ms=at_unix_ms)

    def labels(self, path: str, labels: Mapping[str, str]) -> Self:
        """Labels for a root that is there already."""
        return self._with(
            roots=tuple(
                replace(root, labels=MappingProxyType(dict(labels))) if root.path == path else root
                for root in self.manifest.roots
            )
        )

    def build(self) -> CacheManifest:
        """The manifest, not yet sealed."""
        return self.manifest

    def register(self, around: Surroundings, *, generation: Generation = 1) -> str:
        """Write it into the user's registry; its path. Raises ManifestRefused, OSError."""
        files, registry = around.door.files, around.registry.path
        return write_central(files, registry, self.build(), generation, uid=around.uid).path

    def _with(self, **changes: object) -> Self:
        return replace(self, manifest=replace(self.manifest, **changes))  # type: ignore[arg-type]


def cache_manifest(service: str, version: str, *, host: HostIdentity, now_unix_ms: int) -> ManifestBuilder:
    """A manifest of this host, created and active now."""
    return ManifestBuilder(
        CacheManifest(
            service_name=service,
            service_version=version,
            broker_envelope_version=ENVELOPE_VERSION,
            created_at_unix_ms=now_unix_ms,
            last_active_unix_ms=now_unix_ms,
            cleanup_policy=DEFAULT_POLICY,
            host=recorded(host),
        )
    )


def recorded(host: HostIdentity) -> RecordedHost:
    """The host as a manifest records it."""
    return RecordedHost(
        hostname=host.hostname,
        machine_id=host.machine_id,
        boot_id=host.boot_id,
        fs_dev_id=host.fs_dev_id,
        namespace_id=host.namespace_id,
    )
