"""Processes that start warm: every module is loaded once, and each process is forked from there.

Only the loading is shared. Each has an environment, a folder, streams and an exit code of its own. A command runs the
same first lines as `python -I -m iapeer_memory`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import iapeer_memory

SERVER = Path(__file__).with_name("warm_server.py")
COMMANDS = Path(iapeer_memory.__file__).with_name("__main__.py")
PACKAGES = ("cli", "provision", "supervise", "ecosystem", "surfaces", "index", "fleet", "notes", "broker")
REQUEST_BYTES = 1 << 20


@cache
def server(pid: int, program: Path) -> str:
    """Where that process's server of a program listens; it ends with the process."""
    folder = tempfile.mkdtemp(prefix="warm", dir="/tmp")
    path = f"{folder}/s"
    packages = [f"{iapeer_memory.__name__}.{name}" for name in PACKAGES if program == COMMANDS]
    child = subprocess.Popen(
        [sys.executable, "-I", str(SERVER), path, str(program), *packages],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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


@dataclass
class Child:
    """A process that was forked there: as much of `subprocess.Popen` as tests ask for."""

    args: Sequence[str]
    pid: int
    line: socket.socket
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self.line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self.line.recv(16))
            self.line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """To it alone, and only while it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """At once."""
        self.send_signal(signal.SIGKILL)


def start(
    program: Path, words: Sequence[str], *, env: Mapping[str, str], cwd: Path, out: IO[bytes], err: IO[bytes]
) -> Child:
    """A process of a program that has a `main`, its streams into these files."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.connect(server(os.getpid(), program))
    request = json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode()
    assert len(request) < REQUEST_BYTES
    socket.send_fds(line, [len(request).to_bytes(4, "big")], [out.fileno(), err.fileno()])
    line.sendall(request)
    pid = int(line.recv(16))
    line.sendall(b"!")
    return Child(words, pid, line)


def run(
    words: Sequence[str], *, env: Mapping[str, str], cwd: Path, out: IO[bytes], err: IO[bytes], timeout: float
) -> int:
    """A command, to its end; its exit code. Raises subprocess.TimeoutExpired."""
    child = start(COMMANDS, words, env=env, cwd=cwd, out=out, err=err)
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
