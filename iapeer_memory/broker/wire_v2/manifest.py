"""What a service keeps on disk: the cache manifest of generation 2, which has no hash, host or daemon.

Source: the running-process broker, wire v2.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, proto, repeated

ENVELOPE_VERSION = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRoot(Message):
    """One folder or file that the service keeps. (Generation 1 has kind and path the other way round.)"""

    kind: int = proto(1, "enum")
    path: str = proto(2, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheManifest(Message):
    """All that one version of a service keeps. Reserved: 20, 30, 50, 51, 60, 100 to 199."""

    service_name: str = proto(1, "string")
    service_version: str = proto(2, "string")
    broker_envelope_version: str = proto(3, "string")
    created_at_unix_ms: int = proto(4, "uint64")
    last_active_unix_ms: int = proto(5, "uint64")
    roots: tuple[CacheRoot, ...] = repeated(10, CacheRoot)
    broker_instance: str = proto(40, "string")
    bundle_id: str = proto(70, "string")
