"""A program that we talk to over its stdin and stdout as over a socket, and whose complaints we hear. Never ends it: it
sees us hang up, and is expected to end then.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Mapping, Sequence

from iapeer_memory.domain.door import Processes

PIECE = 1 << 16


class Talk:
    """One conversation. `settimeout`, `send`, `recv` and `close` are a socket's."""

    __slots__ = ("_complaints", "_stream", "recv", "send", "settimeout")

    def __init__(self, stream: socket.socket, complaints: int) -> None:
        self._stream = stream
        self._complaints = complaints
        self.settimeout = stream.settimeout
        self.send = stream.send
        self.recv = stream.recv

    def complaints(self, within: float) -> str:
        """What it has said on stderr until now; waits so many seconds for its end."""
        end = time.monotonic() + within
        said = b""
        while select.select([self._complaints], [], [], max(end - time.monotonic(), 0))[0]:
            piece = os.read(self._complaints, PIECE)
            said += piece
            if not piece:
                break
        return said.decode("utf-8", "replace")

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        if self._complaints >= 0:
            os.close(self._complaints)
            self._complaints = -1


def start_talk(processes: Processes, argv: Sequence[str], *, env: Mapping[str, str]) -> Talk:
    """Start it. Raises FileNotFoundError where there is no such program, OSError where it cannot be started."""
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    talk = Talk(ours, reading)
    try:
        log = f"/dev/fd/{writing}"
        started = processes.start_detached(argv, env=env, log=log, talk=theirs.fileno(), answers=True)
    except BaseException:
        talk.close()
        raise
    finally:
        theirs.close()
        os.close(writing)
    if not started.started:
        talk.close()
        missing = started.detail.endswith(": not found")
        raise (FileNotFoundError if missing else OSError)(started.detail)
    return talk
