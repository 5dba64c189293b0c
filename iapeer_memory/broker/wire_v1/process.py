"""Which process a daemon is, as it says of itself and as its identity file says. Never verifies.

Source: the running-process broker, wire v1.
"""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, message, optional, proto

BLAKE3 = "blake3"
HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Message):
    """Where a daemon listens. `path`: of a Unix socket, or a bare pipe name."""

    namespace_id: str = proto(1, "string")
    path: str = proto(2, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonProcess(Message):
    """One daemon's identity. Number 3 once held a SHA-256 of the executable: see `probe`."""

    pid: int = proto(1, "uint32")
    exe_path: str = proto(2, "string")
    ipc_endpoint: Endpoint | None = message(4, Endpoint)
    started_at_unix_ms: int = proto(5, "uint64")
    boot_id: str = proto(6, "string")
    idle_timeout_secs: int | None = optional(7, "uint32")
    exe_hash_algorithm: str = proto(8, "string")
    exe_hash: bytes = proto(9, "bytes")
