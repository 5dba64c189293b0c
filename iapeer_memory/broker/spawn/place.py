"""Where a backend that is to be launched will listen: a random name that nobody uses. Never binds it.

Source: the running-process broker, backend endpoint allocator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.broker import names
from iapeer_memory.broker.names import Place
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import DaemonFailed

TRIES = 16
SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class Allocator:
    """Hands out socket paths for one user. `user`: the sid hash."""

    door: Door
    place: Place
    user: str

    def path(self, taken: Callable[[str], bool]) -> str:
        """A path at which nothing lies and that `taken` does not name. Raises PathTooLong, DaemonFailed."""
        for _ in range(TRIES):
            leaf = names.backend_leaf(self.user, self.door.random.token(SECRET_BYTES))
            path = names.v1_socket(self.place, leaf)
            if not taken(path) and self.door.files.lstat(path) is None:
                return path
        raise DaemonFailed(f"no free name for a socket in {TRIES} tries")
