"""Proof of a silent process: who held the number when the pid file was written."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.supervise.proof import Traces, boot_time, proved, read_pid, started_at

BOOT = 1_000_000.0
OURS = ProcessInfo(70, 5, ("/r/bin/python", "-I", "-m", "iapeer_memory", "memoryd"), "ab-cd:5000")
"""Started 50 s after boot."""
TRACES = Traces(pid=70, pid_written=BOOT + 51, holder=None, boot=BOOT)


@pytest.mark.parametrize(
    ("traces", "process", "expected"),
    [
        (TRACES, OURS, True),
        (replace(TRACES, pid_written=BOOT + 40), OURS, False),
        (replace(TRACES, pid_written=BOOT - 500), OURS, False),
        (replace(TRACES, pid_written=None), OURS, False),
        (replace(TRACES, boot=None), OURS, False),
        (TRACES, replace(OURS, argv=("/bin/sh",)), False),
        (TRACES, replace(OURS, uid=6), False),
        (TRACES, replace(OURS, pid=71), False),
        (TRACES, replace(OURS, started="what"), False),
        (TRACES, None, False),
        (Traces(None, None, "pid 70 (memoryd)", None), OURS, True),
        (Traces(70, BOOT + 51, "pid 71 (memoryd)", BOOT), OURS, False),
        (Traces(None, None, "pid 70 (memoryd)", None), replace(OURS, argv=("/bin/sh",)), False),
        (Traces(None, None, "a process that has not said who it is", None), OURS, False),
    ],
)
def test_proof(traces: Traces, process: ProcessInfo | None, expected: bool) -> None:
    assert proved(traces, process, 5) is expected


@pytest.mark.parametrize(
    ("data", "pid"), [(b"12\n", 12), (b" 12 ", 12), (b"1", None), (b"", None), (None, None), (b"12x", None)]
)
def test_pid_file(data: bytes | None, pid: int | None) -> None:
    assert read_pid(data) == pid


def test_the_start_of_this_process_is_told_right(door: Door) -> None:
    info = door.processes.info(os.getpid())
    assert info is not None
    boot = boot_time(door.files.read_optional("/proc/stat"))
    began = started_at(info.started, boot)
    assert began is not None
    assert time.time() - 3600 * 24 < began <= time.time() + 2


def test_the_form_of_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert started_at("ps:Thu Jan  1 00:01:40 1970", None) == 100.0
    assert started_at("ps:yesterday", None) is None
