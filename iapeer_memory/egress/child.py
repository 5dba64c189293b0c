"""Children that we wait for: run to the end, or talk to line by line. Never a shell, never more than 4 MiB a stream.

Each child leads a session and group of its own, so that what it started can be ended with it.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO

from iapeer_memory.domain.door import RunResult
from iapeer_memory.egress.processes import find_program, not_started

LIMIT = 4 << 20
PIECE = 1 << 16
GRACE = 1.0
"""Seconds between asking a group to end and ending it."""
LINGER = 0.2
"""Seconds for which we still read after the child itself has ended: a grandchild may hold its pipes for ever."""
TICK = 0.05


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


class Pump:
    """Moves bytes to and from a child without ever waiting for one stream while another is full."""

    def __init__(self, child: subprocess.Popen[bytes], stdin: bytes, *, keep_open: bool = False) -> None:
        self._child = child
        self._selector = selectors.DefaultSelector()
        self._kept: dict[IO[bytes], bytearray] = {}
        self._pending = memoryview(stdin)
        self._keep_open = keep_open
        self._seen_lines = 0
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._kept[stream] = bytearray()
                self._selector.register(stream, selectors.EVENT_READ)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            if self._pending:
                self._selector.register(child.stdin, selectors.EVENT_WRITE)
            elif not keep_open:
                child.stdin.close()

    def until_end(self, deadline: float) -> bool:
        """Until the child has ended and its streams are read; False when the time was up first."""
        ended_at: float | None = None
        while self._reading():
            now = time.monotonic()
            if ended_at is None and self._child.poll() is not None:
                ended_at = now
            if ended_at is not None and now - ended_at > LINGER:
                return True
            if ended_at is None and now >= deadline:
                return False
            self._turn(min(TICK if ended_at is None else LINGER / 4, max(deadline - now, 0.001)))
        try:
            self._child.wait(max(deadline - time.monotonic(), 0.001))
        except subprocess.TimeoutExpired:
            return False
        return True

    def until_line(self, fits: Callable[[str], bool], deadline: float) -> bool:
        """Until a whole line of stdout fits; False at the end of the stream or of the time."""
        assert self._child.stdout is not None
        while True:
            lines = bytes(self._kept[self._child.stdout]).split(b"\n")[:-1]
            if any(fits(line.decode("utf-8", "replace")) for line in lines):
                return True
            now = time.monotonic()
            if now >= deadline or not self._open(self._child.stdout):
                return False
            self._turn(min(TICK, deadline - now))

    def feed(self, data: bytes) -> None:
        """Queue bytes for the child's stdin."""
        stream = self._child.stdin
        if stream is None or stream.closed:
            return
        if not self._pending:
            self._selector.register(stream, selectors.EVENT_WRITE)
        self._pending = memoryview(bytes(self._pending) + data)

    def hang_up(self) -> None:
        """Close the child's stdin."""
        stream = self._child.stdin
        if stream is not None and not stream.closed:
            if self._open(stream):
                self._selector.unregister(stream)
            close_quietly(stream)

    def text(self, stream: IO[bytes] | None) -> str:
        """What was read of a stream, as text."""
        return "" if stream is None else self._kept[stream].decode("utf-8", "replace")

    def close(self) -> None:
        """Let go of every stream."""
        self.hang_up()
        self._selector.close()
        for stream in self._kept:
            stream.close()

    def _open(self, stream: IO[bytes]) -> bool:
        return stream in self._selector.get_map() if not stream.closed else False

    def _reading(self) -> bool:
        return any(self._open(stream) for stream in self._kept)

    def _turn(self, wait: float) -> None:
        for key, _ in self._selector.select(wait):
            stream = key.fileobj
            assert not isinstance(stream, int)
            if stream is self._child.stdin:
                self._write(self._child.stdin)
            else:
                self._read(stream)  # type: ignore[arg-type]

    def _read(self, stream: IO[bytes]) -> None:
        try:
            data = os.read(stream.fileno(), PIECE)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(stream)
            return
        kept = self._kept[stream]
        kept += data[: max(LIMIT - len(kept), 0)]

    def _write(self, stream: IO[bytes]) -> None:
        try:
            self._pending = self._pending[os.write(stream.fileno(), self._pending[:PIECE]) :]
        except BlockingIOError:
            return
        except OSError:
            self._pending = memoryview(b"")
        if not self._pending:
            self._selector.unregister(stream)
            if not self._keep_open:
                close_quietly(stream)


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


def close_quietly(stream: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone."""
    try:
        stream.close()
    except OSError:
        return
