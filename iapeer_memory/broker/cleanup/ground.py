"""What a cleanup stands on: the host as it is, and who may never be touched. No decision is made here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.broker.host_identity import HostIdentity
from iapeer_memory.broker.liveness import Life
from iapeer_memory.broker.wire_v1.manifest import CacheManifest
from iapeer_memory.domain.door import Files


@dataclass(frozen=True, slots=True)
class Ground:
    """The host.

    `never`: paths that nothing may be deleted in or around, whatever a manifest says: notes, history, backups.
    `around`: paths that no deletion may take with it, though something in them may go: the home, the registry.
    `life`: whether the daemons that a manifest is about are dead.
    """

    files: Files
    uid: int
    here: HostIdentity
    registry: str
    now_ms: int
    life: Callable[[CacheManifest], Life]
    never: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
