"""The hash that stands for a user of a host in the names of sockets. Tells users apart; it hides nobody.

Source: the running-process broker: the first eight bytes of BLAKE3 over `UID:MACHINE`.
"""

from __future__ import annotations

from blake3 import blake3

HASH_BYTES = 8


def sid_hash(uid: int, machine: str) -> str:
    """16 hex digits for a user. `machine`: see `host_identity.sid_machine`."""
    return hash16(f"{uid}:{machine}".encode("utf-8", "surrogateescape"))


def hash16(data: bytes) -> str:
    """The first 16 hex digits of BLAKE3."""
    return blake3(data).hexdigest(HASH_BYTES)
