"""A door whose refusals raise: in a test, a refused effect must never look like a success that did nothing.

EffectRefused is a BaseException, so that no `except Exception` on the way swallows it. Never used outside pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from iapeer_memory.domain.door import Door, HeldLock, Response, RunResult, Started
from iapeer_memory.egress.belt import BeltRefused
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.launch import Launch, R
from iapeer_memory.egress.through import ThroughFiles, ThroughLocks, ThroughNet, ThroughProcesses

T = TypeVar("T")
Answer = TypeVar("Answer", RunResult, Started, Response)


class EffectRefused(BaseException):
    """The sandbox refused an effect, under pytest."""


class RaisingFiles(ThroughFiles):
    """Files whose belt refusals raise EffectRefused."""

    def _change(self, effect: Effect, path: str, act: Callable[[], T]) -> T:
        return raised(act)


class RaisingProcesses(ThroughProcesses):
    """Processes whose refusals raise."""

    def _launch(self, launch: Launch[R]) -> R:
        return allowed(raised(lambda: launch.go(launch.env)), launch.argv)


class RaisingNet(ThroughNet):
    """A network whose refusals raise."""

    def _fetch(self, url: str, method: str, act: Callable[[], Response]) -> Response:
        return allowed(act(), (url,))


class RaisingLocks(ThroughLocks):
    """Locks whose refusals raise."""

    def _take(self, path: str, act: Callable[[], AbstractContextManager[HeldLock]]) -> AbstractContextManager[HeldLock]:
        return raised(act)


def raised(effect: Callable[[], T]) -> T:
    """Do it; a refusal of the belt becomes EffectRefused."""
    try:
        return effect()
    except BeltRefused as error:
        raise EffectRefused(str(error)) from None


def allowed(result: Answer, words: Sequence[str]) -> Answer:
    """The result, unless it is a refusal."""
    if result.refused:
        raise EffectRefused(" ".join(words)[:500])
    return result


def raising(door: Door) -> Door:
    """The same door; what it refuses raises."""
    return replace(
        door,
        files=RaisingFiles(door.files),
        processes=RaisingProcesses(door.processes),
        net=RaisingNet(door.net),
        locks=RaisingLocks(door.locks),
        kind="raising",
    )
