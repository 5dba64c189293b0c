"""A hold on one process, so that a pid that is given to somebody else cannot pass for it.

On Linux the kernel keeps the hold (a pidfd); elsewhere, and where it has none, the start time is compared before each
use. Whoever asks for a signal has proved whose process it is.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from types import TracebackType
from typing import Protocol, Self

from iapeer_memory.domain.door import Processes

POLL_SECONDS = 0.02
INIT = 1
GONE = (errno.ESRCH, errno.EINVAL, errno.ENOENT)
"""The latter two: the number is that of a thread, which is no process; which of them depends on the kernel's age."""


class Pin(Protocol):
    """One process, as long as it is held."""

    @property
    def pid(self) -> int: ...
    def alive(self) -> bool:
        """Whether it still runs; one that ended and was not reaped does not."""
        ...

    def signal(self, number: int) -> bool:
        """Deliver a signal; False when it is gone, or not ours to signal. Never to init."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait for its end; True when it has ended."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def pin(processes: Processes, pid: int) -> Pin | None:
    """Take hold of a live process; None when there is none. Raises OSError (no descriptors left)."""
    if pid <= 0:
        return None
    held: Pin | None = None
    if hasattr(os, "pidfd_open"):
        try:
            held = PidfdPin(pid, os.pidfd_open(pid))
        except OSError as error:
            if error.errno in GONE:
                return None
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
    if held is None:
        info = processes.info(pid)
        if info is None:
            return None
        held = StartPin(processes, pid, info.started)
    if not held.alive():
        held.close()
        return None
    return held


class _Closing:
    """`with` for a hold."""

    __slots__ = ()

    def close(self) -> None:
        """Let go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PidfdPin(_Closing):
    """A hold that the kernel keeps."""

    __slots__ = ("_fd", "pid")

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd

    def alive(self) -> bool:
        return not self.wait(0.0)

    def signal(self, number: int) -> bool:
        if self.pid == INIT:
            return False
        try:
            signal.pidfd_send_signal(self._fd, number)
        except OSError:
            return False
        return True

    def wait(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(max(seconds, 0.0) * 1000))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class StartPin(_Closing):
    """A hold by start time: between a look and a signal the kernel could still give the number away."""

    __slots__ = ("_processes", "_started", "pid")

    def __init__(self, processes: Processes, pid: int, started: str) -> None:
        self.pid = pid
        self._processes = processes
        self._started = started

    def alive(self) -> bool:
        info = self._processes.info(self.pid)
        return info is not None and info.started == self._started

    def signal(self, number: int) -> bool:
        return self.alive() and self._processes.signal(self.pid, number)

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.alive():
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, POLL_SECONDS))
        return True
