"""Starting a program that outlives us: forked twice, so that it is never our zombie. Never waits for it.

The child leads a session of its own, holds no descriptor of ours but one to talk over where it is given one, and
appends what it says to a log.
"""

from __future__ import annotations

import fcntl
import os
import signal
import warnings
from collections.abc import Mapping, Sequence
from typing import NoReturn

from iapeer_memory.domain.door import Started
from iapeer_memory.egress.folders import make_folders
from iapeer_memory.egress.processes import default_pipe_signal, find_program

REPORT = 3
HIGHEST_FD = 1 << 20


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: str,
    cwd: str,
    talk: int | None = None,
    answers: bool = False,
) -> Started:
    """See `domain.door.Processes.start_detached`. `started` is True once the program itself runs."""
    program = find_program(argv, env)
    if program is None:
        return Started(False, detail=f"{argv[0] if argv else '(nothing)'}: not found")
    try:
        log_fd = open_log(log)
    except (OSError, ValueError) as error:
        return Started(False, detail=f"{log}: {error}")
    reader, writer = os.pipe()
    try:
        with warnings.catch_warnings():
            # From 3.12 on fork warns in a process with threads; between fork and exec only system calls are made.
            warnings.simplefilter("ignore", DeprecationWarning)
            middle = os.fork()
        if middle == 0:
            become_detached(
                program, list(argv), dict(env), log_fd=log_fd, writer=writer, cwd=cwd, talk=talk, answers=answers
            )
        os.close(writer)
        writer = -1
        os.waitpid(middle, 0)
        report = read_all(reader)
    except OSError as error:
        return Started(False, detail=str(error))
    finally:
        os.close(log_fd)
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    pid_text, _, problem = report.decode("utf-8", "replace").partition("\n")
    pid = int(pid_text) if pid_text.isdecimal() else 0
    if problem or not pid:
        return Started(False, detail=problem or "it ended before it began")
    return Started(True, pid=pid)


def open_log(log: str) -> int:
    """The log, private to its owner, opened for appending."""
    make_folders(os.path.dirname(log), 0o700)
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o600)


def become_detached(
    program: str,
    argv: list[str],
    env: dict[str, str],
    *,
    log_fd: int,
    writer: int,
    cwd: str,
    talk: int | None,
    answers: bool,
) -> NoReturn:
    """In the first child: fork again and leave; in the second: become the program. Never returns to Python code."""
    report = writer
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY) if talk is None else talk
        # Out of the way of 0 to 3 first, then into place.
        nothing, log_fd, writer = (high(fd) for fd in (nothing, log_fd, writer))
        os.dup2(nothing, 0)
        os.dup2(nothing if answers else log_fd, 1)
        os.dup2(log_fd, 2)
        os.set_blocking(1, True)
        os.set_blocking(2, True)
        os.dup2(writer, REPORT, inheritable=False)
        report = REPORT
        os.closerange(REPORT + 1, HIGHEST_FD)
        os.write(REPORT, f"{os.getpid()}\n".encode())
        os.chdir(cwd)
        default_pipe_signal()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(program, argv, env)  # noqa: S606
    except BaseException as error:
        try:
            os.write(report, f"{error}".encode())
        finally:
            os._exit(127)


def high(fd: int) -> int:
    """A copy of the descriptor above those that the program will use."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)


def read_all(fd: int) -> bytes:
    """To the end of a pipe."""
    parts = []
    while part := os.read(fd, 4096):
        parts.append(part)
    return b"".join(parts)
