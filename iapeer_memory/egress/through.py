"""Channels that pass every verb on to the channel below: what each decorator of a door starts from.

Every change goes through one method of its channel (`_change`, `_launch`, `_fetch`, `_take`), so that a decorator that
treats all changes alike states that once. Never changes an answer by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from iapeer_memory.domain.door import (
    Files,
    FileStat,
    HeldLock,
    Locks,
    Net,
    Processes,
    ProcessInfo,
    Response,
    RunResult,
    Started,
)
from iapeer_memory.egress.effect import Effect, mode_text
from iapeer_memory.egress.launch import Launch, R, refused_run, refused_start

ASKING_METHODS = ("GET", "HEAD")
T = TypeVar("T")


class ThroughFiles:
    """Files that are another channel's files. Implements `domain.door.Files`."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def _change(self, effect: Effect, path: str, act: Callable[[], T]) -> T:
        """How every change is made. `path`: the effect's target; `act`: makes it in the channel below."""
        return act()

    def read(self, path: str, *, limit: int | None = None) -> bytes:
        return self._files.read(path, limit=limit)

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        return self._files.read_optional(path, limit=limit)

    def stat(self, path: str) -> FileStat | None:
        return self._files.stat(path)

    def lstat(self, path: str) -> FileStat | None:
        return self._files.lstat(path)

    def realpath(self, path: str) -> str:
        return self._files.realpath(path)

    def readlink(self, path: str) -> str:
        return self._files.readlink(path)

    def list(self, path: str) -> tuple[str, ...]:
        return self._files.list(path)

    def write(
        self, path: str, data: bytes, *, mode: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        effect = Effect("write", path, mode_text(mode), data)
        self._change(effect, path, lambda: self._files.write(path, data, mode=mode, before=before))

    def create(self, path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> bool:
        effect = Effect("create", path, mode_text(mode), data)
        return self._change(effect, path, lambda: self._files.create(path, data, mode=mode, durable=durable))

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        effect = Effect("append", path, f"{len(data)} bytes", data)
        self._change(effect, path, lambda: self._files.append(path, data, mode=mode))

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        self._change(Effect("mkdir", path, mode_text(mode)), path, lambda: self._files.mkdir(path, mode=mode))

    def remove(self, path: str) -> bool:
        return self._change(Effect("remove", path), path, lambda: self._files.remove(path))

    def rmdir(self, path: str) -> bool:
        return self._change(Effect("rmdir", path), path, lambda: self._files.rmdir(path))

    def remove_tree(self, path: str) -> None:
        self._change(Effect("remove_tree", path), path, lambda: self._files.remove_tree(path))

    def rename(self, source: str, target: str) -> None:
        effect = Effect("rename", source, f"to {target}")
        self._change(effect, source, lambda: self._files.rename(source, target))

    def symlink(self, target: str, path: str) -> None:
        self._change(Effect("symlink", path, f"to {target}"), path, lambda: self._files.symlink(target, path))

    def chmod(self, path: str, mode: int) -> None:
        self._change(Effect("chmod", path, mode_text(mode)), path, lambda: self._files.chmod(path, mode))

    def touch(self, path: str) -> None:
        self._change(Effect("touch", path), path, lambda: self._files.touch(path))

    def sync(self, folder: str) -> None:
        self._change(Effect("sync", folder), folder, lambda: self._files.sync(folder))


class ThroughProcesses:
    """Processes that are another channel's processes. Implements `domain.door.Processes`."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def _launch(self, launch: Launch[R]) -> R:
        """How every program is started."""
        return launch.go(launch.env)

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
        def go(given: Mapping[str, str]) -> RunResult:
            return self._processes.run(
                argv, timeout=timeout, env=given, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds
            )

        given = self.environment() if env is None else env
        return self._launch(Launch("run", argv, given, go, refused_run, RunResult(0, "", ""), named=named))

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        def go(given: Mapping[str, str]) -> RunResult:
            return self._processes.interact(argv, lines=lines, until=until, timeout=timeout, env=given, cwd=cwd)

        return self._launch(Launch("interact", argv, env, go, refused_run, RunResult(0, "", "")))

    def start_detached(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        log: str,
        cwd: str = "/",
        named: bool = False,
        talk: int | None = None,
        answers: bool = False,
        keep_fds: Sequence[int] = (),
        before: Callable[[int], None] | None = None,
    ) -> Started:
        def go(given: Mapping[str, str]) -> Started:
            return self._processes.start_detached(
                argv,
                env=given,
                log=log,
                cwd=cwd,
                named=named,
                talk=talk,
                answers=answers,
                keep_fds=keep_fds,
                before=before,
            )

        return self._launch(Launch("start", argv, env, go, refused_start, Started(True), named=named, log=log))

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        def go(given: Mapping[str, str]) -> RunResult:
            return self._processes.replace(argv, env=given, keep_fds=keep_fds)

        return self._launch(Launch("replace", argv, env, go, refused_run, RunResult(0, "", "")))

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


class ThroughNet:
    """A network that is another channel's network. Implements `domain.door.Net`."""

    def __init__(self, net: Net) -> None:
        self._net = net

    def _fetch(self, url: str, method: str, act: Callable[[], Response]) -> Response:
        """How every exchange is made."""
        return act()

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
        def act() -> Response:
            return self._net.fetch(url, method=method, body=body, headers=headers, timeout=timeout, limit=limit)

        return self._fetch(url, method, act)

    def port_free(self, port: int) -> bool:
        return self._net.port_free(port)

    def listener_uid(self, port: int) -> int | None:
        return self._net.listener_uid(port)


class ThroughLocks:
    """Locks that are another channel's locks. Implements `domain.door.Locks`."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    def _take(self, path: str, act: Callable[[], AbstractContextManager[HeldLock]]) -> AbstractContextManager[HeldLock]:
        """How every lock is taken."""
        return act()

    def hold(self, path: str, *, wait: float, what: str) -> AbstractContextManager[HeldLock]:
        return self._take(path, lambda: self._locks.hold(path, wait=wait, what=what))

    def adopt(self, fd: int, path: str) -> AbstractContextManager[HeldLock]:
        return self._take(path, lambda: self._locks.adopt(fd, path))

    def holder(self, path: str) -> str | None:
        return self._locks.holder(path)
