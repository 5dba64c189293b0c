"""Whether a daemon that some file names is dead. Only proof of death counts: what cannot be told is not dead.

A number alone proves nothing, since numbers are given away again. Dead is who has no process left under its number, or
whose number is somebody else's by now, and on whose socket nobody listens. Never signals, never writes.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.broker.host_identity import HostIdentity, same_boot
from iapeer_memory.broker.identity import image_of
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.wire_v1.manifest import HostIdentity as RecordedHost
from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.egress.local_sockets import local_connect
from iapeer_memory.egress.pins import pin

State = Literal["alive", "dead", "unknown"]
CONNECT_SECONDS = 0.5
LATER_MS = 60_000
"""How much later than it says a process must have begun to be another one: clocks are set, but rarely by this much."""
NOBODY = (errno.ECONNREFUSED, errno.ENOENT, errno.ENOTDIR, errno.ENOTSOCK)


@dataclass(frozen=True, slots=True)
class Life:
    """What can be proved, and from what."""

    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of one claim.

    `listening`: whether somebody listens on its socket, None when that cannot be told. `process`: who has its number
    now; `exe`: what that one runs, None when it cannot be told.
    """

    listening: bool | None
    process: ProcessInfo | None
    exe: str | None = None


def judge(claim: Sidecar, seen: Evidence, *, boot_id: str, same_processes: bool, uid: int) -> Life:
    """Pure. `same_processes`: the claim was made where the same process numbers count."""
    process = claim.process
    path = process.ipc_endpoint.path if process.ipc_endpoint else ""
    if seen.listening:
        return Life("alive", f"somebody listens on {path}")
    if seen.listening is None:
        return Life("unknown", f"it cannot be told whether anybody listens on {path}")
    if not same_boot(process.boot_id, boot_id):
        return Life("dead", "the machine was started since")
    if not same_processes:
        return Life("unknown", f"pid {process.pid} is of another container")
    info = seen.process
    if info is None:
        return Life("dead", f"pid {process.pid} is gone")
    if info.uid != uid:
        return Life("dead", f"pid {process.pid} is another user's by now")
    if claim.started:
        if claim.started == info.started:
            return Life("alive", f"pid {process.pid} runs")
        return Life("dead", f"pid {process.pid} is another process by now")
    later = info.started_at is not None and info.started_at * 1000 - process.started_at_unix_ms > LATER_MS
    if later and seen.exe is not None and seen.exe != process.exe_path:
        return Life("dead", f"pid {process.pid} is {seen.exe} by now")
    return Life("unknown", f"pid {process.pid} runs and may be it")


def look(door: Door, claim: Sidecar) -> Evidence:
    """What there is to see of a claim now."""
    process = claim.process
    listening = somebody_listens(door, process.ipc_endpoint.path if process.ipc_endpoint else "")
    with_pid = None
    exe = None
    try:
        held = pin(door.processes, process.pid)
    except OSError:
        return Evidence(None, None)
    if held is not None:
        with held, suppress(FileRefused):
            with_pid = door.processes.info(process.pid)
            image = image_of(door.files, process.pid)
            exe = image.path if image else None
    return Evidence(listening, with_pid, exe)


def somebody_listens(door: Door, path: str) -> bool | None:
    """Whether a Unix socket is answered; None when that cannot be told. No path: nobody."""
    if not path:
        return False
    if not path.startswith("/"):
        return None
    try:
        local_connect(path, deadline=door.clock.monotonic() + CONNECT_SECONDS).close()
    except OSError as error:
        return False if error.errno in NOBODY else None
    except ValueError:
        return None
    return True


def life(door: Door, claims: Sequence[Sidecar], recorded: RecordedHost | None, here: HostIdentity, *, uid: int) -> Life:
    """Whether all daemons that are claimed are dead; the first that is not, where one is not."""
    same = recorded is None or _pid_space(recorded.namespace_id) in ("", _pid_space(here.namespace_id))
    told = Life("dead", "no daemon is recorded")
    for claim in claims:
        told = judge(claim, look(door, claim), boot_id=here.boot_id, same_processes=same, uid=uid)
        if told.state != "dead":
            return told
    return told


def _pid_space(namespaces: str) -> str:
    """The part of a recorded namespace that tells whose process numbers count; "" when it is not recorded."""
    _, found, tail = namespaces.rpartition("pid:")
    return tail if found else ""
