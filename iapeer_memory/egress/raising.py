"""A door whose refusals raise: in a test, a refused effect must never look like a success that did nothing.

EffectRefused is a BaseException, so that no `except Exception` on the way swallows it. Never used outside pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from iapeer_memory.domain.door import (
    Door,
    Files,
    HeldLock,
    Locks,
    Net,
    Processes,
    ProcessInfo,
    Response,
    RunResult,
    Started,
)
from iapeer_memory.egress.belt import BeltRefused

T = TypeVar("T")
R = TypeVar("R", RunResult, Started, Response)


class EffectRefused(BaseException):
    """The sandbox refused an effect, under pytest."""


class RaisingFiles:
    """Files whose belt refusals raise EffectRefused."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.read = files.read
        self.read_optional = files.read_optional
        self.stat = files.stat
        self.lstat = files.lstat
        self.realpath = files.realpath
        self.readlink = files.readlink

    def list(self, path: str) -> tuple[str, ...]:
        return self._files.list(path)

    def write(
        self, path: str, data: bytes, *, mode: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        raised(lambda: self._files.write(path, data, mode=mode, before=before))

    def create(self, path: str, data: bytes, *, mode: int = 0o644) -> bool:
        return raised(lambda: self._files.create(path, data, mode=mode))

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        raised(lambda: self._files.append(path, data, mode=mode))

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        raised(lambda: self._files.mkdir(path, mode=mode))

    def remove(self, path: str) -> bool:
        return raised(lambda: self._files.remove(path))

    def rmdir(self, path: str) -> bool:
        return raised(lambda: self._files.rmdir(path))

    def remove_tree(self, path: str) -> None:
        raised(lambda: self._files.remove_tree(path))

    def rename(self, source: str, target: str) -> None:
        raised(lambda: self._files.rename(source, target))

    def symlink(self, target: str, path: str) -> None:
        raised(lambda: self._files.symlink(target, path))

    def chmod(self, path: str, mode: int) -> None:
        raised(lambda: self._files.chmod(path, mode))

    def touch(self, path: str) -> None:
        raised(lambda: self._files.touch(path))


class RaisingProcesses:
    """Processes whose refusals raise."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

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
        run = self._processes.run
        return allowed(run(argv, timeout=timeout, env=env, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds), argv)

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        interact = self._processes.interact
        return allowed(interact(argv, lines=lines, until=until, timeout=timeout, env=env, cwd=cwd), argv)

    def start_detached(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: str, cwd: str = "/", named: bool = False
    ) -> Started:
        start = self._processes.start_detached
        return allowed(raised(lambda: start(argv, env=env, log=log, cwd=cwd, named=named)), argv)

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        return allowed(self._processes.replace(argv, env=env, keep_fds=keep_fds), argv)

    def signal(self, pid: int, number: int) -> bool:
        return self._processes.signal(pid, number)

    def info(self, pid: int) -> ProcessInfo | None:
        return self._processes.info(pid)

    def all(self) -> tuple[ProcessInfo, ...]:
        return self._processes.all()

    def which(self, name: str, path: str) -> str | None:
        return self._processes.which(name, path)

    def environment(self) -> Mapping[str, str]:
        return self._processes.environment()


class RaisingNet:
    """A network whose refusals raise."""

    def __init__(self, net: Net) -> None:
        self._net = net

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
        fetch = self._net.fetch
        return allowed(fetch(url, method=method, body=body, headers=headers, timeout=timeout, limit=limit), (url,))

    def port_free(self, port: int) -> bool:
        return self._net.port_free(port)

    def listener_uid(self, port: int) -> int | None:
        return self._net.listener_uid(port)


class RaisingLocks:
    """Locks whose refusals raise."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    def hold(self, path: str, *, wait: float, what: str) -> AbstractContextManager[HeldLock]:
        return raised(lambda: self._locks.hold(path, wait=wait, what=what))

    def adopt(self, fd: int, path: str) -> AbstractContextManager[HeldLock]:
        return raised(lambda: self._locks.adopt(fd, path))

    def holder(self, path: str) -> str | None:
        return self._locks.holder(path)


def raised(effect: Callable[[], T]) -> T:
    """Do it; a refusal of the belt becomes EffectRefused."""
    try:
        return effect()
    except BeltRefused as error:
        raise EffectRefused(str(error)) from None


def allowed(result: R, words: Sequence[str]) -> R:
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
