"""Backends that run already: found by what lies on disk about them, taken only when they prove themselves.

There are the records of what this user's brokers have launched, and the claims that daemons have written about
themselves. Blocking: runs beside the event loop. Never starts or stops a process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from iapeer_memory.broker.server.starting import Found, Start
from iapeer_memory.broker.sidecar import Sidecar, read_sidecar
from iapeer_memory.broker.spawn.proof import Prover, runs_script
from iapeer_memory.broker.spawn.records import Records
from iapeer_memory.broker.wire_v1.process import DaemonProcess
from iapeer_memory.domain.errors import ProductError

SETTLE_SECONDS = 10.0
LOOK_SECONDS = 0.05
TICK_SECONDS = 0.02
"""How coarsely the kernel tells when a process began."""


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds for one user. `sidecars`: where the daemon of a service may have written its own claim."""

    prover: Prover
    records: Records
    sidecars: Callable[[str], tuple[str, ...]]

    def find(self, start: Start, given_up: Callable[[], bool]) -> Found | None:
        """The backend that runs as asked for: the same program file, and the version where it tells one.

        One that a broker launched and that lives but does not answer yet is waited for: it may still be starting.
        """
        with suppress(ProductError, OSError):
            record = self.records.read(start.key)
            found = None if record is None else self._awaited(start, record, given_up)
            if found is not None:
                return found
        for path in self.sidecars(start.key.service):
            with suppress(ProductError, OSError):
                claim = read_sidecar(self.prover.door.files, path)
                if claim is not None and self._is_program(start, claim.process):
                    proved = self.prover.backend(start, claim, ours=False)
                    if isinstance(proved, Found):
                        return proved
        return None

    def _awaited(self, start: Start, record: Sidecar, given_up: Callable[[], bool]) -> Found | None:
        """What was launched, once it answers; None where it is something else, or has ended, or takes too long."""
        clock = self.prover.door.clock
        end = clock.monotonic() + SETTLE_SECONDS
        while self.records.runs(record):
            claim = self.prover.claim(start, record.process)
            if claim is not None:
                if not self._is_program(start, claim.process):
                    return None
                proved = self.prover.backend(start, claim, ours=True)
                if isinstance(proved, Found):
                    return proved
                if proved.kind != "ProbeFailed":
                    return None
            if given_up() or clock.monotonic() >= end:
                return None
            clock.sleep(LOOK_SECONDS)
        return None

    def _is_program(self, start: Start, process: DaemonProcess) -> bool:
        """Whether the process is of the definition's program: its executable, or the script that it runs.

        A script that was written after the process began is another build.
        """
        if process.exe_hash.hex() == start.key.exe_hash:
            return True
        door = self.prover.door
        binary = door.files.realpath(start.definition.binary_path)
        info, file = door.processes.info(process.pid), door.files.stat(binary)
        if info is None or file is None or info.started_at is None or not runs_script(info, binary):
            return False
        return file.mtime_ns / 1e9 <= info.started_at + TICK_SECONDS
