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

from iapeer_memory.domain.door import Door, HeldLock, Locks, Processes, Response
from iapeer_memory.egress.belt import Belt, BeltedFiles
from iapeer_memory.egress.executables import TRIAL
from iapeer_memory.egress.launch import Launch, R
from iapeer_memory.egress.net import is_loopback
from iapeer_memory.egress.through import ThroughLocks, ThroughNet, ThroughProcesses

ARMING = ("IAPEER_MEMORY_SUPPRESS_IAP_SEND", "IAPEER_TEST_SANDBOX")
MODULE = ("-I", "-m", "iapeer_memory")
DAEMON = "memoryd"
LOOKUPS = ("ps", "/bin/ps", "/usr/bin/ps")
REFUSED = "refused in the sandbox"
Check = Callable[[str, str], None]
"""Raises BeltRefused unless the verb may be done to the path."""


@dataclass(frozen=True, slots=True)
class OwnProgram:
    """What counts as ourselves: this interpreter, the stable command, and the folder of our private runtimes."""

    interpreter: str
    stable_command: str
    runtimes: str | None = None

    def is_own(self, argv: Sequence[str]) -> bool:
        """Whether the words start us: the stable command, an interpreter of ours with `-I -m iapeer_memory`, memoryd's
        executable by itself, or one that is only tried."""
        if not argv:
            return False
        if argv[0] == self.stable_command:
            return True
        if tuple(argv[1:4]) == MODULE:
            return argv[0] == self.interpreter or self._in_runtimes(argv[0])
        bare = len(argv) == 1 and basename(argv[0]) == DAEMON
        return (bare or tuple(argv[1:]) == TRIAL) and self._in_runtimes(argv[0])

    def _in_runtimes(self, program: str) -> bool:
        """`<runtimes>/<one folder>/bin/python…` or `…/bin/memoryd`."""
        if self.runtimes is None or normpath(program) != program:
            return False
        bin_folder = dirname(program)
        return (
            (basename(program).startswith("python") or basename(program) == DAEMON)
            and basename(bin_folder) == "bin"
            and dirname(dirname(bin_folder)) == self.runtimes
        )


def armed(env: Mapping[str, str]) -> bool:
    """Whether either variable is set to exactly `1`."""
    return any(env.get(name) == "1" for name in ARMING)


class SandboxedProcesses(ThroughProcesses):
    """Starts only what the allowances name, and arms the sandbox of whatever it starts."""

    def __init__(self, processes: Processes, own: OwnProgram, named: frozenset[str], check: Check) -> None:
        super().__init__(processes)
        self._own = own
        self._named = named
        self._check = check

    def allows(self, argv: Sequence[str], *, named: bool = False) -> bool:
        """The first three allowances."""
        if not argv:
            return False
        return named or argv[0] in self._named or argv[0] in LOOKUPS or self._own.is_own(argv)

    def _launch(self, launch: Launch[R]) -> R:
        if not self.allows(launch.argv, named=launch.named):
            return launch.refused(f"{launch.argv[0] if launch.argv else '(nothing)'}: {REFUSED}")
        if launch.log is not None:
            self._check("log to", launch.log)
        # A scrubbed environment must not let a child of the sandbox out of it.
        return launch.go(launch.env if armed(launch.env) else {**launch.env, ARMING[0]: "1"})


class SandboxedNet(ThroughNet):
    """Requests to this host alone."""

    def _fetch(self, url: str, method: str, act: Callable[[], Response]) -> Response:
        if not is_loopback(url):
            return Response(0, {}, b"", error=f"{url[:200]}: {REFUSED}", refused=True)
        return act()


class SandboxedLocks(ThroughLocks):
    """Locks under the belt: taking one writes a file."""

    def __init__(self, locks: Locks, check: Check) -> None:
        super().__init__(locks)
        self._check = check

    def _take(self, path: str, act: Callable[[], AbstractContextManager[HeldLock]]) -> AbstractContextManager[HeldLock]:
        self._check("lock", path)
        return act()


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
