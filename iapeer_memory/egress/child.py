"""Children that we wait for: run to the end, or talk to line by line. Never a shell, never without an end.

Each child leads a session and group of its own, so that what it started can be ended with it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial

from iapeer_memory.domain.door import RunResult
from iapeer_memory.egress.processes import find_program, not_started
from iapeer_memory.egress.pump import Pump

GRACE = 1.0
"""Seconds between asking a group to end and ending it."""


def open_child(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: str | None,
    feed: bool,
    keep_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes] | RunResult:
    """Start it; the refusal of the system is a result."""
    program = find_program(argv, os.environ if env is None else env)
    if program is None:
        return not_started(f"{argv[0] if argv else '(nothing)'}: not found")
    try:
        return subprocess.Popen(
            list(argv),
            executable=program,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(keep_fds),
        )
    except (OSError, ValueError) as error:
        return not_started(str(error))


def run_child(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None,
    cwd: str | None,
    stdin: bytes | None,
    keep_fds: Sequence[int],
) -> RunResult:
    """Run to the end; see `domain.door.Processes.run`."""
    child = open_child(argv, env=env, cwd=cwd, feed=stdin is not None, keep_fds=keep_fds)
    if isinstance(child, RunResult):
        return child
    pump = Pump(child, stdin or b"")
    try:
        in_time = pump.until_end(time.monotonic() + timeout)
        if not in_time:
            end_group(child)
        code = child.wait()
    except BaseException:
        end_group(child)
        raise
    finally:
        pump.close()
    return RunResult(code, pump.text(child.stdout), pump.text(child.stderr), timed_out=not in_time)


def talk_to_child(
    argv: Sequence[str], *, lines: Sequence[str], until: str, timeout: float, env: Mapping[str, str], cwd: str
) -> RunResult:
    """Send lines, read until one contains `until`, end the child; see `domain.door.Processes.interact`.

    `code` is 0 when the line came, else what the child ended with.
    """
    child = open_child(argv, env=env, cwd=cwd, feed=True)
    if isinstance(child, RunResult):
        return child
    deadline = time.monotonic() + timeout
    pump = Pump(child, b"", keep_open=True)
    came = False
    try:
        for line in lines:
            pump.feed(line.rstrip("\n").encode() + b"\n")
            wanted = request_id(line)
            if wanted is not None:
                pump.until_line(partial(settles, wanted=wanted, until=until), deadline)
        came = pump.until_line(lambda text: until in text, deadline)
        timed_out = not came and time.monotonic() >= deadline
        pump.hang_up()
        end_group(child, patience=GRACE)
        code = child.wait()
    except BaseException:
        end_group(child)
        raise
    finally:
        pump.close()
    out, err = pump.text(child.stdout), pump.text(child.stderr)
    return RunResult(0 if came else code, out, err, timed_out=timed_out)


def request_id(line: str) -> str | None:
    """The id of a JSON-RPC request, as JSON text; None for a notification or anything else."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or "id" not in message or "method" not in message:
        return None
    return json.dumps(message["id"])


def answers(line: str, wanted: str) -> bool:
    """Whether the line answers the request of that id."""
    try:
        message = json.loads(line)
    except ValueError:
        return False
    return (
        isinstance(message, dict)
        and "method" not in message
        and "id" in message
        and json.dumps(message["id"]) == wanted
    )


def settles(line: str, wanted: str, until: str) -> bool:
    """Whether the next request may be sent: this one is answered, or all is said."""
    return until in line or answers(line, wanted)


def end_group(child: subprocess.Popen[bytes], *, patience: float = 0.0) -> None:
    """End the child and its group: wait `patience`, ask, wait, then kill. The child itself is reaped."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            signal_group(child.pid, number)
        try:
            child.wait(patience if number is None else GRACE)
        except subprocess.TimeoutExpired:
            continue
        break
    # The leader is gone; whoever is left of its group does not outlive the call.
    signal_group(child.pid, signal.SIGKILL)


def signal_group(group: int, number: int) -> None:
    """Signal a group that may be gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return
