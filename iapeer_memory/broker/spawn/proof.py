"""Whether a process that runs is the backend that is wanted: our own look at it, then its answer. Blocking.

Never asks a process that the claim does not fit, and signals none.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.handle import BackendHandle
from iapeer_memory.broker.identity import ExecutableHashes, describe, image_of
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.server.starting import Found, Start
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.spawn.backend import Kept, idle_secs
from iapeer_memory.broker.verify import Wanted, verify
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door, ProcessInfo

PROBE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Prover:
    """For one user and one boot."""

    door: Door
    hashes: ExecutableHashes
    boot: str
    uid: int

    def claim(self, start: Start, recorded: DaemonProcess) -> Sidecar | None:
        """Who a launched process has to say that it is; None while it does not run the definition's program yet."""
        info = self.door.processes.info(recorded.pid)
        image = image_of(self.door.files, recorded.pid)
        binary = self.door.files.realpath(start.definition.binary_path)
        if info is None or image is None or not (image.path == binary or runs_script(info, binary)):
            return None
        process = describe(
            self.door,
            self.hashes,
            pid=recorded.pid,
            endpoint=recorded.ipc_endpoint or Endpoint(),
            boot_id=self.boot,
            started_at=recorded.started_at_unix_ms / 1000,
            idle_timeout=idle_secs(start.definition),
        )
        return Sidecar(process)  # no start time: only a backend made with our kit could answer for it

    def backend(self, start: Start, claim: Sidecar, *, ours: bool) -> Found | NotThatDaemon:
        """The backend of a claim, once it has answered as it must. Raises ProductError, OSError."""
        wanted = Wanted(claim.process.ipc_endpoint or Endpoint(), self.boot, self.uid)
        proved = verify(self.door, self.hashes, claim, wanted, seconds=PROBE_SECONDS)
        if isinstance(proved, NotThatDaemon):
            return proved
        proved.stream.close()
        version = proved.birth.version
        if version and start.key.version not in ("", version):
            proved.pin.close()
            return NotThatDaemon("BuildMismatch", f"it is version {version}")
        handle = BackendHandle(self.door, claim, wanted, proved.pin, replaced=proved.replaced)
        return Found(Kept(handle, idle_secs(start.definition) if ours else None), ours=ours)


def runs_script(info: ProcessInfo, binary: str) -> bool:
    """Whether an interpreter was given that file: the kernel names it behind the interpreter and its one option."""
    return binary in info.argv[1:3]
