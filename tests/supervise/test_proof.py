"""Proof of a silent process: who held the number when the pid file was written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iapeer_memory.domain.door import ProcessInfo
from iapeer_memory.supervise.proof import Traces, proved, read_pid

BEGAN = 1_000_050.0
OURS = ProcessInfo(70, 5, ("/r/bin/python", "-I", "-m", "iapeer_memory", "memoryd"), "ab-cd:5000", BEGAN)
TRACES = Traces(pid=70, pid_written=BEGAN + 1, holder=None)


@pytest.mark.parametrize(
    ("traces", "process", "expected"),
    [
        (TRACES, OURS, True),
        (replace(TRACES, pid_written=BEGAN - 10), OURS, False),
        (replace(TRACES, pid_written=BEGAN - 1), OURS, True),
        (replace(TRACES, pid_written=None), OURS, False),
        (TRACES, replace(OURS, started_at=None), False),
        (TRACES, replace(OURS, argv=("/bin/sh",)), False),
        (TRACES, replace(OURS, uid=6), False),
        (TRACES, replace(OURS, pid=71), False),
        (TRACES, replace(OURS, started_at=BEGAN + 4), False),
        (TRACES, None, False),
        (Traces(None, None, "pid 70 (memoryd)"), OURS, True),
        (Traces(70, BEGAN + 1, "pid 71 (memoryd)"), OURS, False),
        (Traces(None, None, "pid 70 (memoryd)"), replace(OURS, argv=("/bin/sh",)), False),
        (Traces(None, None, "a process that has not said who it is"), OURS, False),
    ],
)
def test_proof(traces: Traces, process: ProcessInfo | None, expected: bool) -> None:
    assert proved(traces, process, 5) is expected


@pytest.mark.parametrize(
    ("data", "pid"), [(b"12\n", 12), (b" 12 ", 12), (b"1", None), (b"", None), (None, None), (b"12x", None)]
)
def test_pid_file(data: bytes | None, pid: int | None) -> None:
    assert read_pid(data) == pid
