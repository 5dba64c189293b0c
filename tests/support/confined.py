"""A real door that cannot write outside one folder: what a test changes the world through."""

from __future__ import annotations

from dataclasses import dataclass, replace

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.belt import Belt, BeltedFiles, is_under
from iapeer_memory.egress.raising import RaisingFiles, RaisingLocks
from iapeer_memory.egress.real import real_door
from iapeer_memory.egress.sandbox import SandboxedLocks, SandboxedNet


@dataclass(frozen=True, slots=True)
class OnlyUnder(Belt):
    """Refuses every write outside one folder."""

    folder: str = "/nonexistent"

    def refuses(self, path: str) -> str | None:
        return None if is_under(path, self.folder) else f"it is outside the test's folder {self.folder}"


def confined_door(folder: str) -> Door:
    """Real files and locks in `folder` alone (anything else raises EffectRefused), real processes, loopback network."""
    door = real_door()
    belted = BeltedFiles(door.files, OnlyUnder((), (), folder=door.files.realpath(folder)))
    return replace(
        door,
        files=RaisingFiles(belted),
        locks=RaisingLocks(SandboxedLocks(door.locks, belted.check)),
        net=SandboxedNet(door.net),
        kind="confined",
    )
