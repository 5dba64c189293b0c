"""The pipes of a child that we wait for: bytes to it and from it. Never keeps more than 4 MiB of a stream.

Never waits for one stream while another is full.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import IO

LIMIT = 4 << 20
PIECE = 1 << 16
LINGER = 0.2
"""Seconds for which we still read after the child itself has ended: a grandchild may hold its pipes for ever."""
TICK = 0.05


class Pump:
    """Moves bytes to and from a child. `keep_open`: its stdin is closed by `hang_up` alone."""

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


def close_quietly(stream: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone."""
    try:
        stream.close()
    except OSError:
        return
