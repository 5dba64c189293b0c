"""When a daemon is proved dead: every combination of what can be seen, and what the system really shows."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.host_identity import HostIdentity, host_identity
from iapeer_memory.broker.liveness import Evidence, judge, life, look, somebody_listens
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.wire_v1.manifest import HostIdentity as RecordedHost
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door, ProcessInfo
from tests.support.backends import short_folder

UID = os.getuid()
CLAIM = Sidecar(
    DaemonProcess(
        pid=77, exe_path="/opt/d", ipc_endpoint=Endpoint(path="/r/s"), started_at_unix_ms=1_000_000, boot_id="now"
    )
)
SAME = ProcessInfo(77, UID, ("d",), "k1", 1_000.0)
LATER = replace(SAME, started="k2", started_at=1_100.0)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Evidence(False, None), "dead"),
        (Evidence(True, None), "alive"),
        (Evidence(None, None), "unknown"),
        (Evidence(False, SAME, "/opt/d"), "unknown"),
        (Evidence(True, SAME, "/opt/d"), "alive"),
        (Evidence(False, replace(SAME, uid=UID + 1)), "dead"),
        (Evidence(False, LATER, "/bin/sleep"), "dead"),
        (Evidence(False, LATER, "/opt/d"), "unknown"),  # the same interpreter may run something else by now, or not
        (Evidence(False, LATER, None), "unknown"),
        (Evidence(False, SAME, "/opt/d.old"), "unknown"),  # its file was moved away by an update
        (Evidence(False, replace(LATER, started_at=None), "/bin/sleep"), "unknown"),
        (Evidence(False, replace(LATER, started_at=1_059.0), "/bin/sleep"), "unknown"),  # somebody set the clock
    ],
)
def test_what_was_seen(seen: Evidence, state: str) -> None:
    assert judge(CLAIM, seen, boot_id="now", same_processes=True, uid=UID).state == state


@pytest.mark.parametrize(("started", "state"), [("k1", "alive"), ("k0", "dead")])
def test_a_start_time_of_the_kernel_decides(started: str, state: str) -> None:
    claim = replace(CLAIM, started=started)
    assert judge(claim, Evidence(False, SAME, "/opt/d"), boot_id="now", same_processes=True, uid=UID).state == state


def test_another_boot_is_death_unless_somebody_listens() -> None:
    def state(seen: Evidence, *, same_processes: bool = True) -> str:
        return judge(CLAIM, seen, boot_id="then", same_processes=same_processes, uid=UID).state

    assert state(Evidence(False, SAME, "/opt/d")) == state(Evidence(False, None), same_processes=False) == "dead"
    assert state(Evidence(True, None)) == "alive"


def test_processes_of_another_container_are_not_ours_to_judge() -> None:
    seen = Evidence(False, None)
    assert judge(CLAIM, seen, boot_id="now", same_processes=False, uid=UID).state == "unknown"


@pytest.fixture
def here(door: Door) -> HostIdentity:
    return host_identity(door, hostname="here", platform=sys.platform)


def test_a_real_process_in_its_three_states(door: Door, here: HostIdentity) -> None:
    child = subprocess.Popen(["sleep", "600"])
    info = door.processes.info(child.pid)
    assert info is not None
    process = DaemonProcess(pid=child.pid, exe_path="/opt/d", boot_id=here.boot_id, started_at_unix_ms=2**50)

    def state(claim: Sidecar) -> str:
        return life(door, [claim], None, here, uid=UID).state

    assert state(Sidecar(process, started=info.started)) == "alive"
    assert state(Sidecar(process)) == "unknown"
    assert state(Sidecar(process, started="1")) == "dead"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert state(Sidecar(process, started=info.started)) == "dead"  # not reaped yet, and dead all the same
    child.wait()
    assert state(Sidecar(process, started=info.started)) == "dead"


def test_the_first_claim_that_is_not_dead_counts(door: Door, here: HostIdentity) -> None:
    dead = Sidecar(DaemonProcess(pid=2**22 + 1, boot_id=here.boot_id))
    me = door.processes.info(os.getpid())
    assert me is not None
    alive = Sidecar(DaemonProcess(pid=me.pid, boot_id=here.boot_id), started=me.started)
    for claims in ([dead, alive], [alive, dead], [dead, alive, dead]):
        assert life(door, claims, None, here, uid=UID).state == "alive"
    assert life(door, [dead, dead], None, here, uid=UID).state == "dead"
    assert life(door, [], None, here, uid=UID).state == "dead"


@pytest.mark.parametrize(
    ("namespace", "state"),
    [("", "dead"), ("mnt:[1]:pid:[1]", "unknown"), ("mnt:[1]", "dead"), ("mnt:[1]:pid:", "dead")],
)
def test_whose_process_numbers_count(door: Door, here: HostIdentity, namespace: str, state: str) -> None:
    claim = Sidecar(DaemonProcess(pid=2**22 + 1, boot_id=here.boot_id))
    ours = replace(here, namespace_id="mnt:[2]:pid:[2]")
    assert life(door, [claim], RecordedHost(namespace_id=namespace), ours, uid=UID).state == state
    assert life(door, [claim], RecordedHost(namespace_id="mnt:[9]:pid:[2]"), ours, uid=UID).state == "dead"


def test_who_listens(door: Door) -> None:
    with short_folder() as folder:
        path = f"{folder}/s"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        assert somebody_listens(door, path) is True
        assert look(door, Sidecar(DaemonProcess(ipc_endpoint=Endpoint(path=path)))).listening is True
        listener.close()
        assert somebody_listens(door, path) is False
        Path(path).unlink()
        Path(path).write_text("x")
        for nobody in (path, f"{path}/x", f"{folder}/absent", ""):
            assert somebody_listens(door, nobody) is False
        for unknown in ("relative", "\0abstract", "/" + "x" * 200, "/a\0b"):
            assert somebody_listens(door, unknown) is not True
