"""The door to the host: what a channel can be asked, as ports. No effect happens here.

A `Door` is a bundle of channels. A decorator (read-only, overlay, sandbox, raising, recording, faulty) takes a door
and gives back another one in which some channels are wrapped. Only a composition root builds a real one.
Expected outcomes are values: a refused channel answers `refused=True`, it does not raise.

Paths are absolute `str`. Times are seconds since the epoch. Modes are permission bits (`0o600`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

FileKind = Literal["file", "dir", "link", "fifo", "socket", "device"]


@dataclass(frozen=True, slots=True)
class FileStat:
    """What `lstat`/`stat` says, reduced to what decisions need."""

    kind: FileKind
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    links: int
    inode: tuple[int, int]


class Files(Protocol):
    """The file channel.

    Reads: a missing path is `None` from `stat`/`lstat`/`read_optional` and FileNotFoundError from the rest;
    everything else that goes wrong is `errors.Unreadable`. Writes raise OSError (disk full, read-only) unless a
    decorator answers differently.
    """

    def read(self, path: str, *, limit: int | None = None) -> bytes:
        """The whole file; follows links. `limit`: more bytes than that is Unreadable. Never blocks on a FIFO."""
        ...

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        """As `read`, None when absent."""
        ...

    def stat(self, path: str) -> FileStat | None: ...
    def lstat(self, path: str) -> FileStat | None: ...
    def realpath(self, path: str) -> str: ...
    def readlink(self, path: str) -> str: ...
    def list(self, path: str) -> tuple[str, ...]:
        """Sorted names in the folder; () when absent."""
        ...

    def write(
        self, path: str, data: bytes, *, mode: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        """Replace atomically: unique temp beside it, mode before data, fsync, rename, fsync of the folder.

        Missing parents are made. `mode=None` keeps the old mode and owner, or 0o644 for a new file. Follows a
        final link (the link stays, its target is replaced). `before`: a last look, called just before the
        rename; when it raises, nothing has changed.
        """
        ...

    def create(self, path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> bool:
        """Write only if nothing is there (exclusive); False when something is.

        Not `durable`: nothing waits for the disk. Until `sync`, a loss of power may take the file or its bytes.
        """
        ...

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None: ...
    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        """With parents; no error if it is there."""
        ...

    def remove(self, path: str) -> bool:
        """Unlink a file or a link (never follows); False when absent."""
        ...

    def rmdir(self, path: str) -> bool:
        """Remove an empty folder; False when absent or not empty."""
        ...

    def remove_tree(self, path: str) -> None:
        """Remove a folder of ours, never following links; silent when absent."""
        ...

    def rename(self, source: str, target: str) -> None: ...
    def symlink(self, target: str, path: str) -> None:
        """Make or atomically replace a symbolic link."""
        ...

    def chmod(self, path: str, mode: int) -> None: ...
    def touch(self, path: str) -> None:
        """Set the mtime to now, creating an empty file if needed."""
        ...

    def sync(self, folder: str) -> None:
        """Wait until all that was written in and below the folder outlives a loss of power. Follows no links."""
        ...


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished child. `code` 127 with `spawn_error` when it never started; -signal when it was killed."""

    code: int
    stdout: str
    stderr: str
    spawn_error: str | None = None
    timed_out: bool = False
    refused: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ran and exited 0."""
        return self.code == 0 and not self.refused and self.spawn_error is None


@dataclass(frozen=True, slots=True)
class Started:
    """A detached child: whether it started, its pid, or why not."""

    started: bool
    pid: int = 0
    detail: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A live process.

    `started`: opaque text, equal only for the same process since the same boot. `started_at`: the same moment in
    seconds since the epoch, None where unknown; it moves when somebody sets the clock, so it identifies nothing.
    """

    pid: int
    uid: int
    argv: tuple[str, ...]
    started: str
    started_at: float | None = field(default=None, compare=False)


class Processes(Protocol):
    """The process channel. Argument lists only, never a shell."""

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
        """Run to the end. `env=None` inherits. `named`: the operator named argv[0] with a flag. Kills the whole
        process group on timeout. Never raises for a missing binary. Output beyond 4 MiB a stream is cut."""
        ...

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        """Send lines one at a time to a line-JSON server, read until a line contains `until`, then end it."""
        ...

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
        """Start in a session of its own, never our zombie, stdout and stderr appended to `log`, stdin empty, or the
        descriptor `talk`. `answers`: its stdout is `talk` too. `keep_fds`: stay open under their numbers, each above 2.
        `before`: told the pid while the program has not begun; if it raises, or we die, it never does. An OSError of it
        is why it did not start."""
        ...

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        """Become the other program (does not return when it works)."""
        ...

    def signal(self, pid: int, number: int) -> bool:
        """Deliver a signal; False when the process is gone. The caller proves ownership first."""
        ...

    def info(self, pid: int) -> ProcessInfo | None:
        """A read-only look at one process (procfs, else `ps`); None when gone."""
        ...

    def all(self) -> tuple[ProcessInfo, ...]:
        """Every process that can be seen, of our uid."""
        ...

    def which(self, name: str, path: str) -> str | None:
        """Absolute path of an executable in a PATH-like text."""
        ...

    def environment(self) -> Mapping[str, str]:
        """The environment of this process."""
        ...


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; `status` 0 with `error` when there was none."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    error: str | None = None
    refused: bool = False


class Net(Protocol):
    """The network channel."""

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
        """One HTTP exchange, no redirects, never through a proxy for loopback."""
        ...

    def port_free(self, port: int) -> bool:
        """Whether 127.0.0.1:port can be bound now."""
        ...

    def listener_uid(self, port: int) -> int | None:
        """Who listens on 127.0.0.1:port (Linux); None when nobody does or it cannot be told."""
        ...


class HeldLock(Protocol):
    """A lock that is held until it is closed or the process dies."""

    @property
    def fd(self) -> int: ...
    def release(self) -> None: ...


class Locks(Protocol):
    """Advisory whole-file locks, released by the kernel when the holder dies."""

    def hold(self, path: str, *, wait: float, what: str) -> AbstractContextManager[HeldLock]:
        """Take the lock, waiting up to `wait` seconds; raises errors.LockBusy that names the holder and `what`.

        The file holds `pid` and a short text of the holder, written after the lock is owned; it is never
        unlinked."""
        ...

    def adopt(self, fd: int, path: str) -> AbstractContextManager[HeldLock]:
        """Take over a lock that came through exec as an open descriptor."""
        ...

    def holder(self, path: str) -> str | None:
        """Who holds it now, in words, or None."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Random(Protocol):
    """Randomness."""

    def token(self, nbytes: int = 8) -> str:
        """Hex text of that many random bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """All channels to the host. `kind` names the outermost decorator; `refusing`: the sandbox is armed."""

    files: Files
    processes: Processes
    net: Net
    locks: Locks
    clock: Clock
    random: Random
    kind: str = "real"
    refusing: bool = False
