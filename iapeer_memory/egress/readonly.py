"""A door that cannot write: verify looks through it. A write is a fault of ours, and says so; a start is refused.

`run` passes: checks ask other programs questions. Never lets a lock be taken, since taking one writes.
"""

# The signatures are the ports'; an implementation need not look at every argument.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NoReturn

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

READING_METHODS = ("GET", "HEAD")


class ReadOnlyViolation(RuntimeError):
    """A check tried to change the host: an error of the program, never of the user."""


def violation(verb: str, path: str) -> NoReturn:
    """Raise it."""
    raise ReadOnlyViolation(f"{verb} {path}: this door only reads")


class ReadOnlyFiles:
    """Reads pass; each write verb raises ReadOnlyViolation."""

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
        violation("write", path)

    def create(self, path: str, data: bytes, *, mode: int = 0o644) -> bool:
        violation("create", path)

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        violation("append", path)

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        violation("mkdir", path)

    def remove(self, path: str) -> bool:
        violation("remove", path)

    def rmdir(self, path: str) -> bool:
        violation("rmdir", path)

    def remove_tree(self, path: str) -> None:
        violation("remove_tree", path)

    def rename(self, source: str, target: str) -> None:
        violation("rename", source)

    def symlink(self, target: str, path: str) -> None:
        violation("symlink", path)

    def chmod(self, path: str, mode: int) -> None:
        violation("chmod", path)

    def touch(self, path: str) -> None:
        violation("touch", path)


class ReadOnlyProcesses:
    """Questions pass; starting, becoming and signalling are refused."""

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
        return self._processes.run(argv, timeout=timeout, env=env, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds)

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        return self._processes.interact(argv, lines=lines, until=until, timeout=timeout, env=env, cwd=cwd)

    def start_detached(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: str, cwd: str = "/", named: bool = False
    ) -> Started:
        return Started(False, detail="this door only reads", refused=True)

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        return RunResult(127, "", "", refused=True)

    def signal(self, pid: int, number: int) -> bool:
        return self._processes.signal(pid, 0) if number == 0 else False

    def info(self, pid: int) -> ProcessInfo | None:
        return self._processes.info(pid)

    def all(self) -> tuple[ProcessInfo, ...]:
        return self._processes.all()

    def which(self, name: str, path: str) -> str | None:
        return self._processes.which(name, path)

    def environment(self) -> Mapping[str, str]:
        return self._processes.environment()


class ReadOnlyNet:
    """GET and HEAD pass; other methods are refused."""

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
        if method not in READING_METHODS:
            return Response(0, {}, b"", error="this door only reads", refused=True)
        return self._net.fetch(url, method=method, body=body, headers=headers, timeout=timeout, limit=limit)

    def port_free(self, port: int) -> bool:
        return self._net.port_free(port)

    def listener_uid(self, port: int) -> int | None:
        return self._net.listener_uid(port)


class ReadOnlyLocks:
    """Who holds a lock can be asked; none can be taken."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    def hold(self, path: str, *, wait: float, what: str) -> AbstractContextManager[HeldLock]:
        violation("lock", path)

    def adopt(self, fd: int, path: str) -> AbstractContextManager[HeldLock]:
        violation("adopt", path)

    def holder(self, path: str) -> str | None:
        return self._locks.holder(path)


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
