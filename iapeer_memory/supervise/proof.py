"""Proof that a silent process is our memoryd: its command line, its user, and when it started. Pure.

A pid is no identity: the number may have been given to somebody else since. The process counts as ours when the
kernel shows it holding memoryd's own lock, or when it was already running when the pid file was written: whoever got
the number later started later. A pid file from before this boot proves nothing either way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from iapeer_memory.domain.door import ProcessInfo
from iapeer_memory.supervise.probe import is_memoryd

SLACK = 2.0
"""Seconds by which two clocks of one host may differ here: start times are kept in ticks since boot."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What memoryd leaves on a host. `pid_written`: mtime of the pid file; `holder`: who holds memoryd's lock now, in
    the lock's words (`pid 123 (memoryd)`)."""

    pid: int | None
    pid_written: float | None
    holder: str | None

    @property
    def holder_pid(self) -> int | None:
        """The process that the lock names."""
        match = re.match(r"pid (\d+)", self.holder or "", re.ASCII)
        return int(match[1]) if match else None

    @property
    def candidate(self) -> int | None:
        """Whom to look at: the lock's holder before the pid file's."""
        return self.holder_pid or self.pid


def read_pid(data: bytes | None) -> int | None:
    """A pid file's number; None unless it is an integer above 1. Source: the reference package's pid file."""
    text = (data or b"").strip()
    return int(text) if text.isdigit() and len(text) < 10 and int(text) > 1 else None


def proved(traces: Traces, process: ProcessInfo | None, uid: int) -> bool:
    """Whether the candidate is our memoryd beyond doubt."""
    if process is None or process.pid != traces.candidate or not is_memoryd(process, uid):
        return False
    if traces.holder_pid == process.pid:
        return True
    began, written = process.started_at, traces.pid_written
    return began is not None and written is not None and began <= written + SLACK
