"""The heartbeat: a file that says that memoryd lives, on which host, and whether it watches. And what is due with it.

Source: the reference package's heartbeat line; readers take the file's mtime for its age and look for `watch=off`.
"""

from __future__ import annotations

from collections.abc import Callable

from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.fleet.map import timestamp
from iapeer_memory.memoryd.log import Log


def heartbeat(now: float, host: str, watch: bool) -> bytes:
    """`<ISO time, UTC, ms> <host> watch=on|off`, one line. `now`: seconds since the epoch."""
    name = "".join(host.split()) or "localhost"
    return f"{timestamp(now)} {name} watch={'on' if watch else 'off'}\n".encode("utf-8", "replace")


class Heart:
    """Beats: writes the file, freshens the lock that the reference looks at, and looks at the fleet map."""

    def __init__(
        self, files: Files, clock: Clock, log: Log, *, path: str, lock: str, fleet_map: str, host: str
    ) -> None:
        self._files = files
        self._clock = clock
        self._log = log
        self._path = path
        self._lock = lock
        self._fleet_map = fleet_map
        self._host = host
        self._seen: object = self._fleet_stamp()

    def beat(self, watch: bool) -> None:
        """Write the file. A full disk costs the beat, not the daemon."""
        self._try(lambda: self._files.write(self._path, heartbeat(self._clock.now(), self._host, watch), mode=0o600))
        self._try(lambda: self._files.touch(self._lock))

    def fleet_changed(self) -> bool:
        """Whether the fleet map is another one than at the last call."""
        stamp = self._fleet_stamp()
        changed, self._seen = stamp != self._seen, stamp
        return changed

    def still(self) -> None:
        """Remove the file: memoryd ends as it should."""
        self._try(lambda: self._files.remove(self._path))

    def _fleet_stamp(self) -> object:
        try:
            found = self._files.stat(self._fleet_map)
        except ProductError:
            return None
        return (found.mtime_ns, found.size, found.inode) if found else None

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (ProductError, OSError) as error:
            self._log.warn(f"no heartbeat: {error}")
