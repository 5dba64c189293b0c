"""Starting a program that outlives us: forked twice, so that it is never our zombie. Never waits for it.

The child leads a session of its own, holds no descriptor of ours but those that it is given, and appends what it says
to a log. It becomes the program at our word only: we can leave word of it first, and if we die before, it never begins.
"""

from __future__ import annotations

import fcntl
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from typing import NoReturn

from iapeer_memory.domain.door import Started
from iapeer_memory.egress.folders import make_folders
from iapeer_memory.egress.processes import default_pipe_signal, find_program

HIGHEST_FD = 1 << 20
GO = b"\n"


@dataclass(frozen=True, slots=True)
class Becoming:
    """What the child becomes. `talk`: its descriptor 0, None for an empty one; `answers`: its 1 too. `keep_fds`: as
    they are numbered."""

    program: str
    argv: list[str]
    env: dict[str, str]
    log_fd: int
    cwd: str
    talk: int | None
    answers: bool
    keep_fds: Sequence[int]


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: str,
    cwd: str,
    talk: int | None = None,
    answers: bool = False,
    keep_fds: Sequence[int] = (),
    before: Callable[[int], None] | None = None,
) -> Started:
    """See `domain.door.Processes.start_detached`. `started` is True once the program itself runs."""
    program = find_program(argv, env)
    if program is None:
        return Started(False, detail=f"{argv[0] if argv else '(nothing)'}: not found")
    try:
        log_fd = open_log(log)
    except (OSError, ValueError) as error:
        return Started(False, detail=f"{log}: {error}")
    try:
        with pipe() as (told, tells), pipe() as (heard, says):
            fork_twice(Becoming(program, list(argv), dict(env), log_fd, cwd, talk, answers, keep_fds), tells, heard)
            number, _, problem = told.readline().partition(b"\n")
            pid = int(number) if number.isdigit() else 0
            if pid:
                if before is not None:
                    before(pid)
                with suppress(BrokenPipeError):
                    says.write(GO)
                problem = told.read()
    except OSError as error:
        return Started(False, detail=str(error))
    finally:
        os.close(log_fd)
    if not pid or problem:
        return Started(False, detail=(problem or number).decode("utf-8", "replace") or "it ended before it began")
    return Started(True, pid=pid)


@contextmanager
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """Its two ends."""
    reader, writer = os.pipe()
    with FileIO(reader, "r") as out, FileIO(writer, "w") as into:
        yield out, into


def open_log(log: str) -> int:
    """The log, private to its owner, opened for appending."""
    make_folders(os.path.dirname(log), 0o700)
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o600)


def fork_twice(child: Becoming, tells: FileIO, heard: FileIO) -> None:
    """Leave a child that tells its number on one pipe and waits for our word on the other. Raises OSError."""
    with warnings.catch_warnings():
        # From 3.12 on fork warns in a process with threads; between fork and exec only system calls are made.
        warnings.simplefilter("ignore", DeprecationWarning)
        middle = os.fork()
    if middle == 0:
        become_detached(child, tells.fileno(), heard.fileno())
    tells.close()
    heard.close()
    os.waitpid(middle, 0)


def become_detached(child: Becoming, tells: int, heard: int) -> NoReturn:
    """In the first child: fork again and leave; in the second: become the program. Never returns to Python code."""
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
        # Out of the way of 0 to 2 first, then into place.
        tells, heard = high(tells), high(heard)
        talk = high(os.open(os.devnull, os.O_RDONLY) if child.talk is None else child.talk)
        log = high(child.log_fd)
        os.dup2(talk, 0)
        os.dup2(talk if child.answers else log, 1)
        os.dup2(log, 2)
        os.set_blocking(1, True)
        os.set_blocking(2, True)
        close_others(tells, heard, *child.keep_fds)
        for fd in child.keep_fds:
            os.set_inheritable(fd, True)
        os.chdir(child.cwd)
        default_pipe_signal()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.write(tells, b"%d\n" % os.getpid())
        if os.read(heard, 1) == GO:
            os.execve(child.program, child.argv, child.env)  # noqa: S606
    except BaseException as error:
        os.write(tells, f"{error}".encode())
    finally:
        os._exit(127)


def high(fd: int) -> int:
    """A copy of the descriptor above those that the program will use."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)


def close_others(*kept: int) -> None:
    """Every descriptor from 3 on but these."""
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, HIGHEST_FD)
