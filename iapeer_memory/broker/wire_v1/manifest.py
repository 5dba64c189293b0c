"""What a service keeps on disk: the cache manifest of generation 1. Never reads a disk, never seals.

Source: the running-process broker, wire v1.
"""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, mapping, message, proto, repeated
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint

SCHEMA_VERSION = 1
MEDIA_TYPE = "application/vnd.running-process.cache-manifest.v1"
ENVELOPE_VERSION = "v1"


class CacheRootKind:
    """`CacheRoot.kind`. Reserved: 10 to 20."""

    UNSPECIFIED = 0
    DATA = 1
    LOGS = 2
    LOCKS = 3
    RUNTIME = 4
    TMP = 5
    CONFIG = 6
    INDEX = 7
    JOURNAL = 8
    SECRETS = 9


class StorageDisposition:
    """`CacheRoot.disposition`: when it may go. Reserved: 5 to 10."""

    PRUNE_ON_UNINSTALL = 0
    PRESERVE_ACROSS_UNINSTALL = 1
    PRUNE_WHEN_DORMANT = 2
    NEVER_PRUNE = 3
    PRUNE_ON_CRASH = 4


class OperationKind:
    """`Operation.kind`."""

    IDLE = 0
    COMPACTING = 1
    MIGRATING = 2
    REBUILDING_INDEX = 3
    EVICTING_LRU = 4
    ARCHIVING = 5


class TeardownKind:
    """`TeardownHook.kind`."""

    NONE = 0
    REDB_COMPACT = 1
    SQLITE_VACUUM = 2
    CUSTOM_COMMAND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIdentity(Message):
    """Which machine, which boot, which file system."""

    hostname: str = proto(1, "string")
    machine_id: str = proto(2, "string")
    boot_id: str = proto(3, "string")
    fs_dev_id: int = proto(4, "uint64")
    namespace_id: str = proto(5, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Message):
    """What the service is doing to its files."""

    kind: int = proto(1, "enum")
    started_at_unix_ms: int = proto(2, "uint64")
    expected_done_unix_ms: int = proto(3, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeardownHook(Message):
    """What to do before a root goes. Carried, never run."""

    kind: int = proto(1, "enum")
    argv: tuple[str, ...] = repeated(2, "string")
    timeout_secs: int = proto(3, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(Message):
    """Sizes in bytes. Carried, never enforced."""

    hard_max_bytes: int = proto(1, "uint64")
    soft_target_bytes: int = proto(2, "uint64")
    reserved_bytes: int = proto(3, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership(Message):
    """Whose a root is."""

    uid: int = proto(1, "uint32")
    gid: int = proto(2, "uint32")
    mode: int = proto(3, "uint32")
    windows_sid: str = proto(4, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRoot(Message):
    """One folder or file that the service keeps. (Generation 2 has kind and path the other way round.)"""

    path: str = proto(1, "string")
    kind: int = proto(2, "enum")
    estimated_size_bytes: int = proto(3, "uint64")
    disposition: int = proto(4, "enum")
    labels: Mapping[str, str] = mapping(5)
    quota: Quota | None = message(6, Quota)
    teardown_hook: TeardownHook | None = message(7, TeardownHook)
    exclude_globs: tuple[str, ...] = repeated(8, "string")
    platform_paths: Mapping[str, str] = mapping(9)
    ownership: Ownership | None = message(10, Ownership)
    endpoint: Endpoint | None = message(11, Endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupPolicy(Message):
    """When roots that may go do go."""

    dormant_after_secs: int = proto(1, "uint64")
    keep_last_n_versions: int = proto(2, "uint32")
    keep_current: bool = proto(3, "bool")
    min_size_for_prune_bytes: int = proto(4, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRef(Message):
    """Another service that this one needs."""

    service_name: str = proto(1, "string")
    min_version: str = proto(2, "string")
    optional: bool = proto(3, "bool")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilityInfo(Message):
    """Where to look at the service."""

    metrics_endpoint: str = proto(1, "string")
    log_path: str = proto(2, "string")
    health_check_endpoint: str = proto(3, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheManifest(Message):
    """All that one version of a service keeps. `self_sha256`: of this message with that field cleared.

    Reserved: 110 to 255.
    """

    service_name: str = proto(1, "string")
    service_version: str = proto(2, "string")
    broker_envelope_version: str = proto(3, "string")
    created_at_unix_ms: int = proto(4, "uint64")
    last_active_unix_ms: int = proto(5, "uint64")
    roots: tuple[CacheRoot, ...] = repeated(10, CacheRoot)
    current_daemon: DaemonProcess | None = message(20, DaemonProcess)
    cleanup_policy: CleanupPolicy | None = message(30, CleanupPolicy)
    broker_instance: str = proto(40, "string")
    depends_on: tuple[ManifestRef, ...] = repeated(50, ManifestRef)
    provides: tuple[str, ...] = repeated(51, "string")
    observability: ObservabilityInfo | None = message(60, ObservabilityInfo)
    bundle_id: str = proto(70, "string")
    manifest_schema_version: int = proto(100, "uint32")
    media_type: str = proto(101, "string")
    self_sha256: bytes = proto(102, "bytes")
    host: HostIdentity | None = message(103, HostIdentity)
    current_operation: Operation | None = message(104, Operation)
    valid_until_unix_ms: int = proto(105, "uint64")
