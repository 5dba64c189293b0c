"""Backends that run already: found by the claims that lie on disk, taken only when they prove themselves.

Claims are what daemons write about themselves, and what this user's brokers have written about the backends that they
launched, so that a broker that was killed does not start everything a second time. Blocking: runs beside the event
loop. Never starts, stops or asks a process that the claim does not fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from iapeer_memory.broker.handle import BackendHandle
from iapeer_memory.broker.host_identity import same_boot
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.private_folder import make_private, why_not_private
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.server.backends import BackendKey
from iapeer_memory.broker.server.starting import Found, Start
from iapeer_memory.broker.sidecar import Sidecar, read_sidecar, write_sidecar
from iapeer_memory.broker.spawn.backend import Kept, idle_secs
from iapeer_memory.broker.spawn.stray import Strays
from iapeer_memory.broker.verify import Wanted, verify
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError

PROBE_SECONDS = 0.5
SETTLE_SECONDS = 10.0
LOOK_SECONDS = 0.05
TICK_SECONDS = 0.02
"""How coarsely the kernel tells when a process began."""


@dataclass(frozen=True, slots=True)
class Records:
    """What brokers of this user have launched: a claim a backend, in one private folder."""

    door: Door
    folder: str
    uid: int

    def path(self, key: BackendKey) -> str:
        """Of one backend's claim."""
        whole = "\0".join((key.instance, key.service, key.version, key.exe_hash))
        return f"{self.folder}/{key.service}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.json"

    def write(self, key: BackendKey, claim: Sidecar) -> None:
        """That backend was just started. Raises ProductError, OSError."""
        make_private(self.door.files, self.folder, self.uid)
        write_sidecar(self.door.files, self.path(key), claim)

    def read(self, key: BackendKey) -> Sidecar | None:
        """The claim; None where there is none, or the folder is open to others."""
        if why_not_private(self.door.files, self.folder, self.uid) is not None:
            return None
        return read_sidecar(self.door.files, self.path(key))

    def sweep(self, boot: str) -> None:
        """Forget every backend that has ended, or that was of another boot."""
        with suppress(ProductError, OSError):
            for name in self.door.files.list(self.folder):
                path = f"{self.folder}/{name}"
                if not self._may_live(read_sidecar(self.door.files, path), boot):
                    self.door.files.remove(path)

    def _may_live(self, claim: Sidecar | None, boot: str) -> bool:
        if claim is None or not same_boot(claim.process.boot_id, boot):
            return False
        return self.door.processes.info(claim.process.pid) is not None

    def forget(self, key: BackendKey) -> None:
        """That backend is gone."""
        with suppress(ProductError, OSError):
            self.door.files.remove(self.path(key))


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds for one user. `sidecars`: where the daemon of a service may have written its own claim."""

    door: Door
    hashes: ExecutableHashes
    records: Records
    strays: Strays
    sidecars: Callable[[str], tuple[str, ...]]
    boot_id: str
    uid: int

    def find(self, start: Start, given_up: Callable[[], bool]) -> Found | None:
        """The backend that runs as asked for: the same program file, and the version where it tells one.

        One that a broker launched and that lives but does not answer yet is waited for: it may still be starting.
        """
        with suppress(ProductError, OSError):
            kept = self.records.read(start.key)
            found = None if kept is None else self._awaited(start, kept, given_up)
            if found is not None:
                return found
        with suppress(ProductError, OSError):
            for stray in self.strays.claims(start):
                found = self._awaited(start, stray, given_up)
                if found is not None:
                    with suppress(ProductError, OSError):
                        self.records.write(start.key, stray)
                    return found
        for path in self.sidecars(start.key.service):
            with suppress(ProductError, OSError):
                claim = read_sidecar(self.door.files, path)
                proved = None if claim is None else self._proved(start, claim, ours=False)
                if isinstance(proved, Found):
                    return proved
        return None

    def _awaited(self, start: Start, claim: Sidecar, given_up: Callable[[], bool]) -> Found | None:
        clock = self.door.clock
        end = clock.monotonic() + SETTLE_SECONDS
        while True:
            found = self._proved(start, claim, ours=True)
            if isinstance(found, Found) or found is None:
                return found
            if found.kind != "ProbeFailed" or given_up() or clock.monotonic() >= end:
                return None
            clock.sleep(LOOK_SECONDS)

    def _proved(self, start: Start, claim: Sidecar, *, ours: bool) -> Found | NotThatDaemon | None:
        """None: it is another program or version, whoever it is."""
        endpoint = claim.process.ipc_endpoint
        if endpoint is None or not self._is_program(start, claim):
            return None
        wanted = Wanted(endpoint, self.boot_id, self.uid)
        proved = verify(self.door, self.hashes, claim, wanted, seconds=PROBE_SECONDS)
        if isinstance(proved, NotThatDaemon):
            return proved
        proved.stream.close()
        version = start.key.version
        if version and proved.birth.version not in ("", version):
            proved.pin.close()
            return None
        handle = BackendHandle(self.door, claim, wanted, proved.pin, replaced=proved.replaced)
        return Found(Kept(handle, idle_secs(start.definition) if ours else None), ours=ours)

    def _is_program(self, start: Start, claim: Sidecar) -> bool:
        """Whether the claim is of the definition's program: its executable, or the script that it runs.

        A script that was written after the process began is another build.
        """
        if claim.process.exe_hash.hex() == start.key.exe_hash:
            return True
        info = self.door.processes.info(claim.process.pid)
        binary = self.door.files.realpath(start.definition.binary_path)
        file = self.door.files.stat(binary)
        if info is None or file is None or info.started_at is None or binary not in info.argv[1:3]:
            return False
        return file.mtime_ns / 1e9 <= info.started_at + TICK_SECONDS
