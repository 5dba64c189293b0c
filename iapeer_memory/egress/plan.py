"""What a dry run would have done: effects in order, and the channels other than files of the overlay door.

Nothing here starts a program, sends a signal or waits; only what the caller calls a mere question is really asked.
"""

# The signatures are the ports'; an implementation need not look at every argument.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from iapeer_memory.domain.door import Clock, HeldLock, Locks, Net, Processes, ProcessInfo, Response, RunResult, Started
from iapeer_memory.egress.effect import Effect, ran

Probe = Callable[[Sequence[str]], bool]
ENDING = (9, 15)
PLANNED = "planned"


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


class PlannedProcesses:
    """Starts and signals are planned, and answered as if they had worked; probes really run."""

    def __init__(self, processes: Processes, plan: Plan, probes: Sequence[Probe]) -> None:
        self._processes = processes
        self._plan = plan
        self._probes = tuple(probes)
        self._ended: set[int] = set()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | None = None,
        named: bool = False,
        keep_fds: Sequence[int] = (),
    ) -> RunResult:
        if self._is_probe(argv):
            return self._processes.run(
                argv, timeout=timeout, env=env, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds
            )
        return self._planned("run", argv)

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        if self._is_probe(argv):
            return self._processes.interact(argv, lines=lines, until=until, timeout=timeout, env=env, cwd=cwd)
        return self._planned("interact", argv)

    def start_detached(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: str, cwd: str = "/", named: bool = False
    ) -> Started:
        self._plan.add(ran("start", argv))
        return Started(True, detail=PLANNED)

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        return self._planned("replace", argv)

    def signal(self, pid: int, number: int) -> bool:
        if number == 0:
            return pid not in self._ended and self._processes.signal(pid, 0)
        self._plan.add(Effect("signal", str(pid), f"signal {number}"))
        if number in ENDING:
            self._ended.add(pid)
        return True

    def info(self, pid: int) -> ProcessInfo | None:
        return None if pid in self._ended else self._processes.info(pid)

    def all(self) -> tuple[ProcessInfo, ...]:
        return tuple(info for info in self._processes.all() if info.pid not in self._ended)

    def which(self, name: str, path: str) -> str | None:
        return self._processes.which(name, path)

    def environment(self) -> Mapping[str, str]:
        return self._processes.environment()

    def _is_probe(self, argv: Sequence[str]) -> bool:
        return any(probe(argv) for probe in self._probes)

    def _planned(self, verb: str, argv: Sequence[str]) -> RunResult:
        self._plan.add(ran(verb, argv))
        return RunResult(0, "", "")


class PlannedNet:
    """GET and HEAD are asked; other requests are planned."""

    def __init__(self, net: Net, plan: Plan) -> None:
        self._net = net
        self._plan = plan

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float,
        limit: int = 4 << 20,
    ) -> Response:
        if method in ("GET", "HEAD"):
            return self._net.fetch(url, method=method, body=body, headers=headers, timeout=timeout, limit=limit)
        self._plan.add(Effect("fetch", url, method))
        return Response(200, {}, b"")

    def port_free(self, port: int) -> bool:
        return self._net.port_free(port)

    def listener_uid(self, port: int) -> int | None:
        return self._net.listener_uid(port)


class NoLock:
    """A lock that a dry run need not take: it writes nothing."""

    @property
    def fd(self) -> int:
        """No descriptor."""
        return -1

    def release(self) -> None:
        """Nothing to release."""


class PlannedLocks:
    """Locks that are always had; who holds the real one can be asked."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    @contextmanager
    def hold(self, path: str, *, wait: float, what: str) -> Iterator[HeldLock]:
        yield NoLock()

    @contextmanager
    def adopt(self, fd: int, path: str) -> Iterator[HeldLock]:
        yield NoLock()

    def holder(self, path: str) -> str | None:
        return self._locks.holder(path)


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
