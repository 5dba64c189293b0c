"""A door that tells a watcher of each effect before and after it happens. What recording and faulty have in common.

Only effects that change something are told: making a folder that is there, or removing a file that is not, is none.
Never changes an answer of the door below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from iapeer_memory.domain.door import Files, FileStat, Net, Processes, ProcessInfo, Response, RunResult, Started
from iapeer_memory.egress.effect import Effect, mode_text, ran, write_detail


class Watcher(Protocol):
    """Told of an effect; may raise, or end the process."""

    def before(self, effect: Effect) -> None: ...
    def after(self, effect: Effect) -> None: ...


@contextmanager
def told(watcher: Watcher, effect: Effect | None) -> Iterator[None]:
    """Tell of the effect around what makes it; None: nothing changes, nothing is told."""
    if effect is not None:
        watcher.before(effect)
    yield
    if effect is not None:
        watcher.after(effect)


class WatchedFiles:
    """Files whose writes are told."""

    def __init__(self, files: Files, watcher: Watcher) -> None:
        self._files = files
        self._watcher = watcher
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
        effect = Effect("write", path, write_detail(self._there(path), mode), data)
        with told(self._watcher, effect):
            self._files.write(path, data, mode=mode, before=before)

    def create(self, path: str, data: bytes, *, mode: int = 0o644) -> bool:
        effect = None if self._there(path) else Effect("create", path, mode_text(mode), data)
        with told(self._watcher, effect):
            return self._files.create(path, data, mode=mode)

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        with told(self._watcher, Effect("append", path, f"{len(data)} bytes", data)):
            self._files.append(path, data, mode=mode)

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        with told(self._watcher, None if self._there(path) else Effect("mkdir", path, mode_text(mode))):
            self._files.mkdir(path, mode=mode)

    def remove(self, path: str) -> bool:
        with told(self._watcher, Effect("remove", path) if self._there(path) else None):
            return self._files.remove(path)

    def rmdir(self, path: str) -> bool:
        empty = self._there(path) and not self._files.list(path)
        with told(self._watcher, Effect("rmdir", path) if empty else None):
            return self._files.rmdir(path)

    def remove_tree(self, path: str) -> None:
        with told(self._watcher, Effect("remove_tree", path) if self._there(path) else None):
            self._files.remove_tree(path)

    def rename(self, source: str, target: str) -> None:
        with told(self._watcher, Effect("rename", source, f"to {target}")):
            self._files.rename(source, target)

    def symlink(self, target: str, path: str) -> None:
        with told(self._watcher, Effect("symlink", path, f"to {target}")):
            self._files.symlink(target, path)

    def chmod(self, path: str, mode: int) -> None:
        found = self._files.stat(path)
        same = found is not None and found.mode == mode
        with told(self._watcher, None if same else Effect("chmod", path, mode_text(mode))):
            self._files.chmod(path, mode)

    def touch(self, path: str) -> None:
        with told(self._watcher, Effect("touch", path)):
            self._files.touch(path)

    def _there(self, path: str) -> bool:
        found: FileStat | None = self._files.lstat(path)
        return found is not None


class WatchedProcesses:
    """Processes whose starts and signals are told."""

    def __init__(self, processes: Processes, watcher: Watcher) -> None:
        self._processes = processes
        self._watcher = watcher

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
        with told(self._watcher, ran("run", argv)):
            return self._processes.run(
                argv, timeout=timeout, env=env, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds
            )

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        with told(self._watcher, ran("interact", argv)):
            return self._processes.interact(argv, lines=lines, until=until, timeout=timeout, env=env, cwd=cwd)

    def start_detached(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: str, cwd: str = "/", named: bool = False
    ) -> Started:
        with told(self._watcher, ran("start", argv)):
            return self._processes.start_detached(argv, env=env, log=log, cwd=cwd, named=named)

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        with told(self._watcher, ran("replace", argv)):
            return self._processes.replace(argv, env=env, keep_fds=keep_fds)

    def signal(self, pid: int, number: int) -> bool:
        # Signal 0 only asks.
        with told(self._watcher, Effect("signal", str(pid), f"signal {number}") if number else None):
            return self._processes.signal(pid, number)

    def info(self, pid: int) -> ProcessInfo | None:
        return self._processes.info(pid)

    def all(self) -> tuple[ProcessInfo, ...]:
        return self._processes.all()

    def which(self, name: str, path: str) -> str | None:
        return self._processes.which(name, path)

    def environment(self) -> Mapping[str, str]:
        return self._processes.environment()


class WatchedNet:
    """A network whose requests that may change something are told."""

    def __init__(self, net: Net, watcher: Watcher) -> None:
        self._net = net
        self._watcher = watcher

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
        effect = None if method in ("GET", "HEAD") else Effect("fetch", url, method)
        with told(self._watcher, effect):
            return self._net.fetch(url, method=method, body=body, headers=headers, timeout=timeout, limit=limit)

    def port_free(self, port: int) -> bool:
        return self._net.port_free(port)

    def listener_uid(self, port: int) -> int | None:
        return self._net.listener_uid(port)
