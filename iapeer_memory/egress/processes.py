"""The process channel: children, signals and looks at the process table. Argument lists only, never a shell.

A child that overstays is killed with its whole group; a detached one is never our zombie. Never raises for a program
that is not there: that is a value.
"""

# The signatures are the ports'; an implementation need not look at every argument.

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from iapeer_memory.domain.door import ProcessInfo, RunResult, Started
from iapeer_memory.egress import procfs, ps

NOT_STARTED = 127


class RealProcesses:
    """Implements `domain.door.Processes`. `platform`: as `sys.platform`."""

    __slots__ = ("_platform",)

    def __init__(self, platform: str = sys.platform) -> None:
        self._platform = platform

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
        """Run to the end; see the port."""
        from iapeer_memory.egress.child import run_child

        return run_child(argv, timeout=timeout, env=env, cwd=cwd, stdin=stdin, keep_fds=keep_fds)

    def interact(
        self, argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
    ) -> RunResult:
        """Talk to a line-JSON server; see the port. A line that is a request waits for its answer (same `id`)."""
        from iapeer_memory.egress.child import talk_to_child

        return talk_to_child(argv, lines=lines, until=until, timeout=timeout, env=env, cwd=cwd)

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
        """Start in a session of its own; see the port."""
        from iapeer_memory.egress.detach import start

        return start(argv, env=env, log=log, cwd=cwd, talk=talk, answers=answers, keep_fds=keep_fds, before=before)

    def replace(self, argv: Sequence[str], *, env: Mapping[str, str], keep_fds: Sequence[int] = ()) -> RunResult:
        """Become the other program; returns only when that fails."""
        program = find_program(argv, env)
        if program is None:
            return not_started(f"{argv[0] if argv else '(nothing)'}: not found")
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            for fd in keep_fds:
                os.set_inheritable(fd, True)
            default_pipe_signal()
            os.execve(program, list(argv), dict(env))  # noqa: S606
        except (OSError, ValueError) as error:
            for fd in keep_fds:
                keep_to_ourselves(fd)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            return not_started(f"{program}: {error}")

    def signal(self, pid: int, number: int) -> bool:
        """Deliver a signal; False when there is nobody to deliver it to. Never a group, never init."""
        if pid <= 1:
            return False
        try:
            os.kill(pid, number)
        except (OSError, OverflowError):
            return False
        return True

    def info(self, pid: int) -> ProcessInfo | None:
        """One live process; None when gone (a zombie is gone)."""
        if pid <= 0:
            return None
        if procfs.available():
            return procfs.look_settled(pid)
        found = ps.parse_ps(self._ps("-p", str(pid)))
        return found[0] if found else None

    def all(self) -> tuple[ProcessInfo, ...]:
        """Every live process of our uid."""
        if procfs.available():
            return procfs.look_at_all(os.getuid())
        return ps.parse_ps(self._ps("-U", str(os.getuid())))

    def _ps(self, *selection: str) -> str:
        """The lines of `ps` (not yet run on macOS)."""
        from iapeer_memory.egress.child import run_child

        program = "/bin/ps" if self._platform == "darwin" else "ps"
        argv = (program, "-ww", "-o", ps.COLUMNS, *selection)
        env = {**os.environ, "LC_ALL": "C"}
        return run_child(argv, timeout=10.0, env=env, cwd="/", stdin=None, keep_fds=()).stdout

    def which(self, name: str, path: str) -> str | None:
        """Absolute path of an executable; an empty PATH entry is not the current folder."""
        return find_executable(name, path)

    def environment(self) -> Mapping[str, str]:
        """A copy of the environment of this process."""
        return dict(os.environ)


def find_executable(name: str, path: str) -> str | None:
    """The first executable file of that name in a PATH-like text; a name with a slash is looked at itself."""
    if not name or "\0" in name:
        return None
    if "/" in name:
        places = [os.path.abspath(name)]
    else:
        places = [os.path.join(folder, name) for folder in path.split(":") if folder.startswith("/")]
    for place in places:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    return None


def find_program(argv: Sequence[str], env: Mapping[str, str]) -> str | None:
    """What `argv[0]` means in that environment."""
    return find_executable(argv[0], env.get("PATH", os.defpath)) if argv else None


def not_started(why: str) -> RunResult:
    """The answer for a program that never ran."""
    return RunResult(NOT_STARTED, "", "", spawn_error=why)


def default_pipe_signal() -> None:
    """Python ignores SIGPIPE; a program that we become must not inherit that."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def keep_to_ourselves(fd: int) -> None:
    """Undo the handing over of a descriptor."""
    try:
        os.set_inheritable(fd, False)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
