"""What a dry run would have done: effects in order, and the channels other than files of the overlay door.

Nothing here starts a program, sends a signal or waits; only what the caller calls a mere question is really asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from iapeer_memory.domain.door import Clock, HeldLock, Net, Processes, ProcessInfo, Response
from iapeer_memory.egress.effect import Effect, ran
from iapeer_memory.egress.launch import Launch, R
from iapeer_memory.egress.through import ASKING_METHODS, ThroughLocks, ThroughNet, ThroughProcesses

Probe = Callable[[Sequence[str]], bool]
ENDING = (9, 15)


@dataclass(slots=True)
class Plan:
    """The effects of a dry run, in order; grows while it runs."""

    effects: list[Effect] = field(default_factory=list)

    def add(self, effect: Effect) -> None:
        """One more."""
        self.effects.append(effect)

    def as_json(self) -> list[dict[str, object]]:
        """Each effect as JSON-able data."""
        return [effect.as_json() for effect in self.effects]


class PlannedProcesses(ThroughProcesses):
    """Starts and signals are planned, and answered as if they had worked; probes really run."""

    def __init__(self, processes: Processes, plan: Plan, probes: Sequence[Probe]) -> None:
        super().__init__(processes)
        self._plan = plan
        self._probes = tuple(probes)
        self._ended: set[int] = set()

    def _launch(self, launch: Launch[R]) -> R:
        if launch.verb in ("run", "interact") and any(probe(launch.argv) for probe in self._probes):
            return launch.go(launch.env)
        self._plan.add(ran(launch.verb, launch.argv))
        return launch.done

    def signal(self, pid: int, number: int) -> bool:
        if number == 0:
            return pid not in self._ended and super().signal(pid, 0)
        self._plan.add(Effect("signal", str(pid), f"signal {number}"))
        if number in ENDING:
            self._ended.add(pid)
        return True

    def info(self, pid: int) -> ProcessInfo | None:
        return None if pid in self._ended else super().info(pid)

    def all(self) -> tuple[ProcessInfo, ...]:
        return tuple(info for info in super().all() if info.pid not in self._ended)


class PlannedNet(ThroughNet):
    """GET and HEAD are asked; other requests are planned."""

    def __init__(self, net: Net, plan: Plan) -> None:
        super().__init__(net)
        self._plan = plan

    def _fetch(self, url: str, method: str, act: Callable[[], Response]) -> Response:
        if method in ASKING_METHODS:
            return act()
        self._plan.add(Effect("fetch", url, method))
        return Response(200, {}, b"")


class NoLock:
    """A lock that a dry run need not take: it writes nothing."""

    @property
    def fd(self) -> int:
        """No descriptor."""
        return -1

    def release(self) -> None:
        """Nothing to release."""


class PlannedLocks(ThroughLocks):
    """Locks that are always had; who holds the real one can be asked."""

    def _take(self, path: str, act: Callable[[], AbstractContextManager[HeldLock]]) -> AbstractContextManager[HeldLock]:
        return nullcontext(NoLock())


class PlannedClock:
    """A clock that is not waited for: sleeping moves it on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slept = 0.0

    def now(self) -> float:
        return self._clock.now() + self._slept

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += max(seconds, 0.0)
