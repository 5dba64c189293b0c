"""Loopback ports for tests: each is handed out once in a round, whoever asks, so two tests never share one.

They lie below the range from which systems choose ports by themselves, so no outgoing connection takes one either.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20_000, 32_000
COUNTER = Path(tempfile.gettempdir()) / f"iapeer-memory-test-ports-{os.getuid()}"


def free_port() -> int:
    """A port that nobody holds now and that no other test is given until all others were."""
    with os.fdopen(os.open(COUNTER, os.O_RDWR | os.O_CREAT, 0o600), "r+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        port = int(counter.read() or FIRST)
        while not _free(port := port + 1 if FIRST <= port < LAST else FIRST):
            pass
        counter.seek(0)
        counter.truncate()
        counter.write(str(port))
    return port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
