"""A door that cannot write: verify looks through it. A write is a fault of ours, and says so; a start is refused.

`run` passes: checks ask other programs questions. Never lets a lock be taken, since taking one writes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NoReturn, TypeVar

from iapeer_memory.domain.door import Door, HeldLock, Response
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.launch import Launch, R
from iapeer_memory.egress.through import ASKING_METHODS, ThroughFiles, ThroughLocks, ThroughNet, ThroughProcesses

T = TypeVar("T")
REFUSED = "this door only reads"


class ReadOnlyViolation(RuntimeError):
    """A check tried to change the host: an error of the program, never of the user."""


def violation(verb: str, path: str) -> NoReturn:
    """Raise it."""
    raise ReadOnlyViolation(f"{verb} {path}: {REFUSED}")


class ReadOnlyFiles(ThroughFiles):
    """Reads pass; each write verb raises ReadOnlyViolation."""

    def _change(self, effect: Effect, path: str, act: Callable[[], T]) -> T:
        violation(effect.verb, path)


class ReadOnlyProcesses(ThroughProcesses):
    """Questions pass; starting, becoming and signalling are refused."""

    def _launch(self, launch: Launch[R]) -> R:
        if launch.verb in ("start", "replace"):
            return launch.refused(REFUSED)
        return launch.go(launch.env)

    def signal(self, pid: int, number: int) -> bool:
        return super().signal(pid, 0) if number == 0 else False


class ReadOnlyNet(ThroughNet):
    """GET and HEAD pass; other methods are refused."""

    def _fetch(self, url: str, method: str, act: Callable[[], Response]) -> Response:
        if method not in ASKING_METHODS:
            return Response(0, {}, b"", error=REFUSED, refused=True)
        return act()


class ReadOnlyLocks(ThroughLocks):
    """Who holds a lock can be asked; none can be taken."""

    def _take(self, path: str, act: Callable[[], AbstractContextManager[HeldLock]]) -> AbstractContextManager[HeldLock]:
        violation("lock", path)


def read_only(door: Door) -> Door:
    """The same door, unable to write."""
    return replace(
        door,
        files=ReadOnlyFiles(door.files),
        processes=ReadOnlyProcesses(door.processes),
        net=ReadOnlyNet(door.net),
        locks=ReadOnlyLocks(door.locks),
        kind="read-only",
    )
