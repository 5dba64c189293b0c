"""memoryd by its identity: the claim in our state folder, and the handle that its proof gives.

The claim is the same as those that brokers look for, in the one place that no environment moves: the command that looks
for memoryd may have been started in quite another one.
"""

from __future__ import annotations

import sys

from iapeer_memory.broker.handle import BackendHandle, open_handle
from iapeer_memory.broker.host_identity import boot_id
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import read_sidecar
from iapeer_memory.broker.verify import Wanted
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths


def prove(door: Door, paths: Paths, *, uid: int) -> BackendHandle | NotThatDaemon | None:
    """memoryd in hand; who it is not; None where none has claimed to be it. The caller closes the handle.

    One whose executable was replaced by an update since is still the one.
    """
    claim = read_sidecar(door.files, paths.daemon_identity)
    endpoint = None if claim is None else claim.process.ipc_endpoint
    if claim is None or endpoint is None:
        return None
    wanted = Wanted(endpoint, boot_id(door, platform=sys.platform), uid, replaced=True)
    return open_handle(door, ExecutableHashes(), claim, wanted)
