"""What the broker sees of the host around it: connections to a socket, its own descriptors, room for files. Read-only.

Source: proc(5). Where there is no such table nothing can be told, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from iapeer_memory.broker.fs_health import InodeHealth
from iapeer_memory.broker.spawn.idle import connections_in
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.inodes import inode_counts

SOCKETS = "/proc/net/unix"
OWN_DESCRIPTORS = "/proc/self/fd"
OWN_LIMITS = "/proc/self/limits"
LIMIT = "Max open files"
TABLE_BYTES = 1 << 26


def connections_to(files: Files) -> Callable[[str], int | None]:
    """How many connections are open to a socket's path, asked anew each time."""

    def counted(path: str) -> int | None:
        try:
            return connections_in(files.read(SOCKETS, limit=TABLE_BYTES).decode("utf-8", "surrogateescape"), path)
        except (ProductError, OSError):
            return None

    return counted


def fd_usage(files: Files) -> Callable[[], float]:
    """The share of this process's descriptors that are in use, 0.0 where it cannot be told."""

    def share() -> float:
        try:
            most = soft_limit(files.read(OWN_LIMITS, limit=TABLE_BYTES).decode("ascii", "replace"))
            return len(files.list(OWN_DESCRIPTORS)) / most if most else 0.0
        except (ProductError, OSError):
            return 0.0

    return share


def soft_limit(text: str) -> int:
    """How many descriptors a process may have, from its table of limits; 0 where that names no number."""
    for line in text.splitlines():
        if line.startswith(LIMIT):
            first = line[len(LIMIT) :].split()[:1]
            return int(first[0]) if first and first[0].isdecimal() else 0
    return 0


def inodes(folder: str) -> Callable[[], InodeHealth | None]:
    """The room for files where that folder lies."""

    def health() -> InodeHealth | None:
        with suppress(OSError):
            return InodeHealth(*inode_counts(folder))
        return None

    return health
