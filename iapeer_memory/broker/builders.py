"""Service definitions and cache manifests, put together step by step. Each step gives a new value; nothing is written
before `install`.

    shared_broker("memoryd", "/opt/memoryd/bin/memoryd").min_version("1.2.0").install_in(files, folder, uid=uid)

Source of the steps and defaults: the running-process broker, builders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.host_identity import HostIdentity
from iapeer_memory.broker.manifest_file import write_central
from iapeer_memory.broker.service_file import Generation, install, problem
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
from iapeer_memory.broker.wire_v1.service import Isolation
from iapeer_memory.broker.wire_v2.service import HttpServer, ServiceDefinition
from iapeer_memory.domain.door import Files

if TYPE_CHECKING:
    from iapeer_memory.broker.surroundings import Surroundings

DEFAULT_POLICY = CleanupPolicy(dormant_after_secs=30 * 86400, keep_last_n_versions=2, keep_current=True)
"""For a manifest that is built here."""


@dataclass(frozen=True, slots=True)
class DefinitionBuilder:
    """A service definition in the making."""

    definition: ServiceDefinition

    def per_version_binary_dir(self, folder: str) -> Self:
        """Absolute: the broker starts the binary only from within."""
        return self._with(per_version_binary_dir=folder)

    def min_version(self, version: str) -> Self:
        """Clients that want an older one are refused."""
        return self._with(min_version=version)

    def version_allow_list(self, *versions: str) -> Self:
        """Only these may be wanted; none: every version."""
        return self._with(version_allow_list=versions)

    def label(self, key: str, value: str) -> Self:
        """One label more."""
        return self._with(labels=MappingProxyType({**self.definition.labels, key: value}))

    def http_server(self, *, bind_addr: str = "", health_path: str = "", display_name: str = "") -> Self:
        """The backend serves HTTP. Told by generation 2 alone. Empty: 127.0.0.1, /health, the service's name."""
        return self._with(
            http_server=HttpServer(bind_addr=bind_addr, health_path=health_path, display_name=display_name)
        )

    def build(self) -> ServiceDefinition:
        """The definition. Raises DefinitionRefused for one that no broker would load."""
        wrong = problem(self.definition, self.definition.service_name)
        if wrong is not None:
            raise DefinitionRefused(wrong[0], self.definition.service_name or "service definition", wrong[1])
        return self.definition

    def install_in(self, files: Files, folder: str, *, uid: int, generation: Generation = 2) -> str:
        """Write it into a folder of definitions; its path. Raises DefinitionRefused, OSError."""
        return install(files, folder, self.build(), generation, uid=uid)[0]

    def install(self, around: Surroundings, *, generation: Generation = 2) -> str:
        """Write it into the user's folder of definitions; its path. Raises DefinitionRefused, OSError."""
        return self.install_in(around.door.files, around.definitions.path, uid=around.uid, generation=generation)

    def _with(self, **changes: object) -> Self:
        return replace(self, definition=replace(self.definition, **changes))  # type: ignore[arg-type]


def private_broker(name: str, binary_path: str) -> DefinitionBuilder:
    """A service with a broker of its own."""
    return _builder(name, binary_path, Isolation.PRIVATE_BROKER)


def shared_broker(name: str, binary_path: str) -> DefinitionBuilder:
    """A service behind the broker that all of the user's share."""
    return _builder(name, binary_path, Isolation.SHARED_BROKER)


def explicit_instance(name: str, binary_path: str, instance: str) -> DefinitionBuilder:
    """A service behind the broker of that name."""
    return _builder(name, binary_path, Isolation.EXPLICIT_INSTANCE, instance)


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


def _builder(name: str, binary_path: str, isolation: int, instance: str = "") -> DefinitionBuilder:
    return DefinitionBuilder(
        ServiceDefinition(service_name=name, binary_path=binary_path, isolation=isolation, explicit_instance=instance)
    )
