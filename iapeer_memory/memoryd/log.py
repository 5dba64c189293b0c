"""memoryd's log: a line on stderr and in a file that is rotated by size. Never stdout, never an exception.

Where stderr already *is* that file (a supervisor sent it there), a line is written once.
"""

from __future__ import annotations

import contextlib
import logging
import sys

from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.fleet.map import timestamp

LARGEST = 1 << 20
KEPT = 3


class Log:
    """`info`, `warn`; a second warning with the same words within a minute is left out."""

    __slots__ = ("_clock", "_files", "_last", "_path", "_size", "_stderr")

    def __init__(self, files: Files, clock: Clock, path: str) -> None:
        self._files = files
        self._clock = clock
        self._path = path
        self._last: dict[str, float] = {}
        self._size = _size(files, path)
        self._stderr = not _is_stderr(files, path)

    def info(self, text: str) -> None:
        """What happened."""
        self._line("info", text)

    def warn(self, text: str) -> None:
        """What went wrong."""
        now = self._clock.monotonic()
        if now - self._last.get(text, -60.0) >= 60.0:
            self._last = {words: at for words, at in self._last.items() if now - at < 60.0} | {text: now}
            self._line("warn", text)

    def _line(self, level: str, text: str) -> None:
        line = f"{timestamp(self._clock.now())} {level} {printable(text)}\n"
        if self._stderr:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(line)
                sys.stderr.flush()
        data = line.encode("utf-8", "replace")
        with contextlib.suppress(OSError, ProductError):
            if self._size + len(data) > LARGEST:
                self._rotate()
            self._files.append(self._path, data, mode=0o600)
            self._size += len(data)

    def _rotate(self) -> None:
        for number in range(KEPT - 1, 0, -1):
            older = f"{self._path}.{number - 1}" if number > 1 else self._path
            if self._files.lstat(older) is not None:
                self._files.rename(older, f"{self._path}.{number}")
        self._size = 0


class Forward(logging.Handler):
    """Hands what libraries have to say, from warnings on, to our log; never a traceback."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        error = record.exc_info[1] if record.exc_info else None
        tail = f": {type(error).__name__}: {error}" if error else ""
        self._log.warn(f"{record.name}: {record.getMessage()}{tail}")


def _size(files: Files, path: str) -> int:
    try:
        found = files.stat(path)
    except ProductError:
        return 0
    return found.size if found else 0


def _is_stderr(files: Files, path: str) -> bool:
    try:
        here, there = files.stat("/dev/stderr"), files.stat(path)
    except ProductError:
        return False
    return here is not None and there is not None and here.inode == there.inode
