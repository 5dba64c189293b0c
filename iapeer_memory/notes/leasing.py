"""The lease in use: read, decided upon, written. Built once a daemon; everything it decides is in `notes.lease`."""

from __future__ import annotations

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.notes.lease import LEASE_NAME, LONGEST, TTL, Lease, decide, looks_synced, read_lease


class Leasing:
    """`vault`: its absolute path; `system`: the name of its system folder; `host`: an id that no other host has."""

    def __init__(self, door: Door, vault: str, system: str, *, host: str, name: str) -> None:
        self._door = door
        self._vault = vault
        self._path = f"{vault}/{system}/{LEASE_NAME}"
        self._host = host
        self._name = name
        self._seen: bytes | None = None
        self._since = 0.0

    def stamps(self) -> bool:
        """Whether this host stamps now; takes or renews the lease where it is ours. Ask at least every 20 minutes.

        A lease that cannot be read or written means no.
        """
        try:
            data = self._door.files.read_optional(self._path, limit=LONGEST)
            lease = read_lease(data or b"")
            if not looks_synced(self._vault, self._door.files.list(self._vault), host=self._host, lease=lease):
                return True
            clock = self._door.clock
            if data != self._seen or not self._since:
                self._seen, self._since = data, clock.monotonic()
            answer = decide(
                lease, host=self._host, now=clock.now(), unchanged_for=clock.monotonic() - self._since
            )  # fmt: skip
            if answer == "take":
                self._write(clock.now() + TTL)
        except (OSError, FileRefused):
            return False
        return answer != "wait"

    def give_up(self) -> None:
        """Let another host take over at once; for a clean stop. Best effort."""
        try:
            lease = read_lease(self._door.files.read_optional(self._path, limit=LONGEST) or b"")
            if lease is not None and lease.host == self._host:
                self._write(0.0)
        except (OSError, FileRefused):
            return

    def holder(self) -> str | None:
        """The name of the other host that stamps, for status and /health; None where it is us or nobody."""
        try:
            lease = read_lease(self._door.files.read_optional(self._path, limit=LONGEST) or b"")
        except (OSError, FileRefused):
            return None
        return None if lease is None or lease.host == self._host or not lease.until else lease.name or lease.host

    def _write(self, until: float) -> None:
        data = Lease(self._host, self._name, until).text()
        self._door.files.write(self._path, data, mode=0o644)
        self._seen, self._since = data, self._door.clock.monotonic()
