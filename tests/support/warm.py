"""Commands that start warm: every module is loaded once, and each command is a process forked from there.

Only the loading is shared. The command has an environment, a folder, streams and an exit code of its own, runs the
same first lines as `python -I -m iapeer_memory`, and ends as any interpreter does.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

SERVER = Path(__file__).with_name("warm_server.py")
REQUEST_BYTES = 1 << 20


@cache
def server(pid: int) -> str:
    """Where the server of that process listens; it ends with the process."""
    folder = tempfile.mkdtemp(prefix="warm", dir="/tmp")
    path = f"{folder}/s"
    child = subprocess.Popen(
        [sys.executable, "-I", str(SERVER), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"HOME": folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, cwd="/",
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"

    def end() -> None:
        if os.getpid() == pid:
            child.kill()
            child.wait()
            os.unlink(path)
            os.rmdir(folder)

    atexit.register(end)
    return path


def run(
    words: Sequence[str], *, env: Mapping[str, str], cwd: Path, out: IO[bytes], err: IO[bytes], timeout: float
) -> int:
    """A command, its streams into these files; its exit code, negative for a signal. Raises TimeoutError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(server(os.getpid()))
        request = json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode()
        assert len(request) < REQUEST_BYTES
        socket.send_fds(line, [len(request).to_bytes(4, "big")], [out.fileno(), err.fileno()])
        line.sendall(request)
        pid = int(line.recv(16))
        line.sendall(b"!")
        line.settimeout(timeout)
        try:
            return int(line.recv(16))
        except TimeoutError:
            os.kill(pid, 9)
            raise
