"""A hold on a process: the kernel's, and the one by start time for systems without."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from iapeer_memory.domain.door import Processes
from iapeer_memory.egress.pins import Pin, StartPin, pin
from iapeer_memory.egress.processes import RealProcesses


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["/bin/sleep", "600"])
    yield process
    process.kill()
    process.wait()


def by_start(processes: Processes, pid: int) -> Pin | None:
    info = processes.info(pid)
    return None if info is None else StartPin(processes, pid, info.started)


@pytest.fixture(params=[pin, by_start])
def held(request: pytest.FixtureRequest, child: subprocess.Popen[bytes]) -> Iterator[Pin]:
    found = request.param(RealProcesses(), child.pid)
    assert found is not None
    with found:
        yield found


def test_a_life(held: Pin, child: subprocess.Popen[bytes]) -> None:
    assert held.pid == child.pid
    assert held.alive()
    assert not held.wait(0.02)
    assert held.signal(signal.SIGTERM)
    assert held.wait(20.0)  # though nobody has reaped it
    assert not held.alive()
    assert child.wait() == -signal.SIGTERM
    assert not held.signal(signal.SIGTERM)
    assert held.wait(0.0)


def test_who_has_the_number_now_is_not_who_was_held(child: subprocess.Popen[bytes]) -> None:
    held = StartPin(RealProcesses(), child.pid, "another boot:1")
    assert not held.alive()
    assert not held.signal(signal.SIGKILL)
    assert held.wait(0.0)
    assert child.poll() is None


@pytest.mark.parametrize("pid", [0, -1, 0x7FFFFFFF])
def test_nobody(pid: int) -> None:
    assert pin(RealProcesses(), pid) is None


def test_who_has_ended_cannot_be_held(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert pin(RealProcesses(), child.pid) is None  # not reaped yet
    child.wait()
    assert pin(RealProcesses(), child.pid) is None


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only")
def test_a_thread_is_no_process() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        assert pin(RealProcesses(), thread.native_id) is None
    finally:
        go.set()
        thread.join()


def test_init_is_never_signalled() -> None:
    found = pin(RealProcesses(), 1)
    if found is not None:
        with found:
            assert found.alive()
            assert not found.signal(0)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only")
def test_a_kernel_without_the_hold_is_no_error(monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    found = pin(RealProcesses(), child.pid)
    assert isinstance(found, StartPin)
    assert found.alive()


def test_no_descriptor_stays_behind(child: subprocess.Popen[bytes]) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        found = pin(RealProcesses(), child.pid)
        assert found is not None
        found.close()
        found.close()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    for _ in range(10):
        assert pin(RealProcesses(), child.pid) is None
    assert len(os.listdir("/dev/fd")) == before
