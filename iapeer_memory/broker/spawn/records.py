"""What this user's brokers have launched: a record a backend, written before the backend begins.

So a broker that follows one that was killed finds everything that was launched, and starts nothing a second time. A
record says which process it was, and is no proof of what the process does now.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from iapeer_memory.broker.host_identity import same_boot
from iapeer_memory.broker.private_folder import make_private, why_not_private
from iapeer_memory.broker.server.backends import BackendKey
from iapeer_memory.broker.sidecar import Sidecar, read_sidecar, write_sidecar
from iapeer_memory.broker.wire_v1.process import BLAKE3, DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.errors import ProductError


def record_of(key: BackendKey, program: str, path: str, info: ProcessInfo, boot: str) -> Sidecar:
    """The process that is about to become that program and to listen there."""
    process = DaemonProcess(
        pid=info.pid,
        exe_path=program,
        ipc_endpoint=Endpoint(namespace_id=key.instance, path=path),
        started_at_unix_ms=int((info.started_at or 0) * 1000),
        boot_id=boot,
        exe_hash_algorithm=BLAKE3,
        exe_hash=bytes.fromhex(key.exe_hash),
    )
    return Sidecar(process, info.started)


@dataclass(frozen=True, slots=True)
class Records:
    """All of them, in one private folder."""

    door: Door
    folder: str
    uid: int
    boot: str

    def path(self, key: BackendKey) -> str:
        """Of one backend's record."""
        whole = "\0".join((key.instance, key.service, key.version, key.exe_hash))
        return f"{self.folder}/{key.service}-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.json"

    def write(self, key: BackendKey, record: Sidecar) -> None:
        """That backend is about to begin. Raises ProductError, OSError."""
        make_private(self.door.files, self.folder, self.uid)
        write_sidecar(self.door.files, self.path(key), record)

    def read(self, key: BackendKey) -> Sidecar | None:
        """The record of a process that still runs; None where there is none, or the folder is open to others."""
        if why_not_private(self.door.files, self.folder, self.uid) is not None:
            return None
        record = read_sidecar(self.door.files, self.path(key))
        return record if self.runs(record) else None

    def runs(self, record: Sidecar | None) -> bool:
        """Whether the very process of a record still runs."""
        if record is None or not same_boot(record.process.boot_id, self.boot):
            return False
        info = self.door.processes.info(record.process.pid)
        return info is not None and info.started == record.started

    def sweep(self) -> None:
        """Forget every backend that has ended."""
        with suppress(ProductError, OSError):
            for name in self.door.files.list(self.folder):
                path = f"{self.folder}/{name}"
                if not self.runs(read_sidecar(self.door.files, path)):
                    self.door.files.remove(path)

    def forget(self, key: BackendKey) -> None:
        """That backend is gone."""
        with suppress(ProductError, OSError):
            self.door.files.remove(self.path(key))
