"""The backends that a broker knows: which daemon serves which service, version and build. Never starts or stops one.

A backend counts for as long as its own process lives: that is asked before it is handed to anybody. A rebuilt program
of the same version is another backend. Times are milliseconds of a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BackendKey:
    """What tells one backend from another. `exe_hash`: hex, of the program file as it is on disk now."""

    instance: str
    service: str
    version: str
    exe_hash: str

    @property
    def id(self) -> str:
        """What people and pages call it."""
        return f"{self.service}@{self.version}" if self.version else self.service


class Backend(Protocol):
    """A daemon whose identity was verified, pinned so that a pid used again is not taken for it."""

    @property
    def pid(self) -> int: ...

    @property
    def path(self) -> str:
        """Of the socket that it listens on."""
        ...

    @property
    def idle_timeout_secs(self) -> int | None:
        """After how long without work it may be stopped, in its own words; None: never."""
        ...

    def is_alive(self) -> bool: ...

    def stop(self, wait: float) -> str | None:
        """Ask it to end, wait so many seconds, take its socket away; why that did not work, or None."""
        ...

    def close(self) -> None:
        """Let go of what pins the process."""
        ...


@dataclass(slots=True)
class Entry:
    """A backend and when somebody last asked for it.

    `ours`: this broker started it. `quiesced`: why nobody is sent to it any more, or empty. `takes_over`: where it
    takes connections over, or empty.
    """

    key: BackendKey
    backend: Backend
    ours: bool
    active_ms: int
    active_unix_ms: int
    hellos: int = 0
    quiesced: str = ""
    takes_over: str = ""


class Backends:
    """All of them, by key."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[BackendKey, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: BackendKey) -> Entry | None:
        """Whatever is known under that key; it may have died since `gone` was asked."""
        return self._entries.get(key)

    def all(self) -> tuple[Entry, ...]:
        """In the order in which they came."""
        return tuple(self._entries.values())

    def add(self, key: BackendKey, backend: Backend, now_ms: int, now_unix_ms: int, *, ours: bool) -> Entry:
        """A backend that answered as it should; whoever was under its key is let go."""
        older = self._entries.pop(key, None)
        if older is not None:
            older.backend.close()
        entry = self._entries[key] = Entry(key, backend, ours, now_ms, now_unix_ms)
        return entry

    def remove(self, entry: Entry) -> None:
        """Forget it, if it is still the one under its key."""
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        entry.backend.close()

    def gone(self) -> tuple[Entry, ...]:
        """Those whose process has ended, taken out; but for the quiesced, who are left to whoever stops them."""
        dead = tuple(one for one in self._entries.values() if not one.quiesced and not one.backend.is_alive())
        for entry in dead:
            self.remove(entry)
        return dead

    def of_process(self, pid: int) -> Entry | None:
        """The live backend that is that process."""
        for entry in self._entries.values():
            if pid and entry.backend.pid == pid and entry.backend.is_alive():
                return entry
        return None
