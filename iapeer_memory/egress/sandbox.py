"""The refusing door of the sandbox: every channel answers *refused*, with exactly four allowances.

(1) a program that the operator named with a flag; (2) our own command or interpreter, which refuses in its turn;
(3) looking up processes with `ps`; (4) requests to this host itself. Signals are not refused: whoever sends one has
proved whose process it is, and refusing would orphan the daemons of a test. Files go through the belt.

Never decides whether the sandbox is armed: `compose` does, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from os.path import basename, dirname, normpath

from iapeer_memory.domain.door import Door, HeldLock, Locks, Net, Processes, ProcessInfo, Response, RunResult, Started
from iapeer_memory.egress.belt import Belt, BeltedFiles
from iapeer_memory.egress.net import is_loopback

ARMING = ("IAPEER_MEMORY_SUPPRESS_IAP_SEND", "IAPEER_TEST_SANDBOX")
MODULE = ("-I", "-m", "iapeer_memory")
LOOKUPS = ("ps", "/bin/ps", "/usr/bin/ps")
REFUSED = "refused in the sandbox"


@dataclass(frozen=True, slots=True)
class OwnProgram:
    """What counts as ourselves: this interpreter, the stable command, and the folder of our private runtimes."""

    interpreter: str
    stable_command: str
    runtimes: str | None = None

    def is_own(self, argv: Sequence[str]) -> bool:
        """Whether the words start us: the stable command, or an interpreter of ours with `-I -m iapeer_memory`."""
        if not argv:
            return False
        if argv[0] == self.stable_command:
            return True
        return tuple(argv[1:4]) == MODULE and (argv[0] == self.interpreter or self._in_runtimes(argv[0]))

    def _in_runtimes(self, program: str) -> bool:
        """`<runtimes>/<one folder>/bin/python…`."""
        if self.runtimes is None or normpath(program) != program:
            return False
        bin_folder = dirname(program)
        return (
            basename(program).startswith("python")
            and basename(bin_folder) == "bin"
            and dirname(dirname(bin_folder)) == self.runtimes
        )


def armed(env: Mapping[str, str]) -> bool:
    """Whether either variable is set to exactly `1`."""
    return any(env.get(name) == "1" for name in ARMING)


class SandboxedProcesses:
    """Starts only what the allowances name, and arms the sandbox of whatever it starts."""

    def __init__(self, processes: Processes, own: OwnProgram, named: frozenset[str], check: Callable[[str, str], None]):
        self._processes = processes
        self._own = own
        self._named = named
        self._check = check

    def allows(self, argv: Sequence[str], *, named: bool = False) -> bool:
        """The first three allowances."""
        if not argv:
            return False
        return named or argv[0] in self._named or argv[0] in LOOKUPS or self._own.is_own(argv)

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
        if not self.allows(argv, named=named):
            return refused_run(argv)
        given = self._arm(self._processes.environment() if env is None else env)
        return self._processes.run(
            argv, timeout=timeout, env=given, cwd=cwd, stdin=stdin, named=named, keep_fds=keep_fds
        )

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        if not self.allows(argv):
            return refused_run(argv)
        return self._processes.interact(argv, lines=lines, until=until, timeout=timeout, env=self._arm(env), cwd=cwd)

    def start_detached(
        self, argv: Sequence[str], *, env: Mapping[str, str], log: str, cwd: str = "/", named: bool = False
    ) -> Started:
        if not self.allows(argv, named=named):
            return Started(False, detail=f"{argv[0] if argv else '(nothing)'}: {REFUSED}", refused=True)
        self._check("log to", log)
        return self._processes.start_detached(argv, env=self._arm(env), log=log, cwd=cwd, named=named)

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        if not self.allows(argv):
            return refused_run(argv)
        return self._processes.replace(argv, env=self._arm(env), keep_fds=keep_fds)

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

    def _arm(self, env: Mapping[str, str]) -> dict[str, str]:
        """A scrubbed environment must not let a child of the sandbox out of it."""
        given = dict(env)
        return given if armed(given) else {**given, ARMING[0]: "1"}


class SandboxedNet:
    """Requests to this host alone."""

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
        if not is_loopback(url):
            return Response(0, {}, b"", error=f"{url[:200]}: {REFUSED}", refused=True)
        return self._net.fetch(url, method=method, body=body, headers=headers, timeout=timeout, limit=limit)

    def port_free(self, port: int) -> bool:
        return self._net.port_free(port)

    def listener_uid(self, port: int) -> int | None:
        return self._net.listener_uid(port)


class SandboxedLocks:
    """Locks under the belt: taking one writes a file."""

    def __init__(self, locks: Locks, check: Callable[[str, str], None]) -> None:
        self._locks = locks
        self._check = check

    def hold(self, path: str, *, wait: float, what: str) -> AbstractContextManager[HeldLock]:
        self._check("lock", path)
        return self._locks.hold(path, wait=wait, what=what)

    def adopt(self, fd: int, path: str) -> AbstractContextManager[HeldLock]:
        self._check("lock", path)
        return self._locks.adopt(fd, path)

    def holder(self, path: str) -> str | None:
        return self._locks.holder(path)


def refused_run(argv: Sequence[str]) -> RunResult:
    """The answer to a program that may not start."""
    return RunResult(127, "", f"{argv[0] if argv else '(nothing)'}: {REFUSED}", refused=True)


def sandboxed(door: Door, *, own: OwnProgram, named: frozenset[str], belt: Belt) -> Door:
    """The same door, refusing."""
    files = BeltedFiles(door.files, belt)
    return replace(
        door,
        files=files,
        processes=SandboxedProcesses(door.processes, own, named, files.check),
        net=SandboxedNet(door.net),
        locks=SandboxedLocks(door.locks, files.check),
        kind="sandbox",
        refusing=True,
    )
