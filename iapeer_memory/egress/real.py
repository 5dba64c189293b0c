"""The real door: every channel goes to the host. Built by composition roots alone, through `compose.open_door`."""

from __future__ import annotations

from collections.abc import Callable

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.egress.locks import RealLocks
from iapeer_memory.egress.net import RealNet
from iapeer_memory.egress.processes import RealProcesses
from iapeer_memory.egress.random import RealRandom


def real_door(*, say: Callable[[str], None] | None = None) -> Door:
    """All channels, unguarded. `say`: where a wait for a lock is announced."""
    return Door(
        files=RealFiles(),
        processes=RealProcesses(),
        net=RealNet(),
        locks=RealLocks(say),
        clock=RealClock(),
        random=RealRandom(),
    )
