"""A backend that was launched and never recorded: its broker was killed in that very moment. Linux only, read-only.

What it was told when it was started is in its environment, which the kernel shows to its user. That makes a claim and
no proof. Never looks at a process that does not run the definition's program. Source: proc(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.identity import ExecutableHashes, describe
from iapeer_memory.broker.server.starting import Start
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.spawn.backend import idle_secs
from iapeer_memory.broker.spawn.environment import PREFIX
from iapeer_memory.broker.wire_v1.process import Endpoint
from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.errors import ProductError

ENVIRONMENT_BYTES = 1 << 22
WORDS = 4
"""Of a command line: the program is the first, a script's name the second, what a shell is to become the fourth."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Looks for them among this user's processes."""

    door: Door
    hashes: ExecutableHashes
    boot_id: str

    def claims(self, start: Start) -> tuple[Sidecar, ...]:
        """Who was launched for that very key and runs, the oldest first. Raises ProductError, OSError."""
        binary = self.door.files.realpath(start.definition.binary_path)
        found = []
        for info in self.door.processes.all():
            if binary in info.argv[:WORDS]:
                path = told_path(self._environment(info.pid), start)
                if path:
                    found.append((info.started_at or 0.0, self._claim(start, info, path)))
        return tuple(claim for _, claim in sorted(found, key=lambda pair: pair[0]))

    def _environment(self, pid: int) -> bytes:
        try:
            return self.door.files.read(f"/proc/{pid}/environ", limit=ENVIRONMENT_BYTES)
        except (ProductError, OSError):
            return b""

    def _claim(self, start: Start, info: ProcessInfo, path: str) -> Sidecar:
        process = describe(
            self.door,
            self.hashes,
            pid=info.pid,
            endpoint=Endpoint(namespace_id=start.key.instance, path=path),
            boot_id=self.boot_id,
            started_at=info.started_at or 0.0,
            idle_timeout=idle_secs(start.definition),
        )
        return Sidecar(process)  # no start time: only a backend made with our kit could answer for it


def told_path(environment: bytes, start: Start) -> str:
    """The socket that a process with this environment was launched for; "" when it was launched for another key."""
    lines = environment.decode("utf-8", "surrogateescape").split("\0")
    told = dict(line.removeprefix(PREFIX).split("=", 1) for line in lines if line.startswith(PREFIX) and "=" in line)
    key = start.key
    if (told.get("SERVICE_NAME"), told.get("SERVICE_VERSION"), told.get("INSTANCE")) != (
        key.service,
        key.version,
        key.instance,
    ):
        return ""
    return told.get("BACKEND_PIPE", "")
