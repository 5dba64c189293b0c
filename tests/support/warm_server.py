"""The process that others are forked from: `python -I warm_server.py SOCKET PROGRAM [PACKAGE …]`. Ends with its stdin.

They run the `main` of that file. What it loads and all modules of the packages are loaded before.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib.util
import io
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from collections.abc import Callable


def load(program: str, packages: list[str]) -> Callable[[], int]:
    """The program's `main`, with every module that it may need."""
    for package in packages:
        parent = importlib.import_module(package)
        for child in pkgutil.walk_packages(parent.__path__, f"{package}."):
            importlib.import_module(child.name)
    spec = importlib.util.spec_from_file_location("program", program)
    assert spec and spec.loader
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    found: Callable[[], int] = module.main
    return found


def serve(path: str) -> list[str] | None:
    """Answer until stdin ends; in the process of a command, its words."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return None
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return attend(line)
            line.close()


def attend(line: socket.socket) -> list[str]:
    """Start the command, tell its process, then how it ended. Returns in the command alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(line, 4, 2)
    size = int.from_bytes(head, "big")
    data = b""
    while len(data) < size:
        data += line.recv(size - len(data))
    request = json.loads(data)
    pid = os.fork()
    if pid == 0:
        line.recv(1)  # not before somebody knows us
        line.close()
        become(request["env"], request["cwd"], streams)
        words: list[str] = request["words"]
        return words
    for stream in streams:
        os.close(stream)
    line.sendall(str(pid).encode())
    line.sendall(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def become(env: dict[str, str], cwd: str, streams: list[int]) -> None:
    """The process as a new interpreter would find it."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    null = os.open("/dev/null", os.O_RDONLY)
    for number, stream in enumerate((null, *streams)):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = text(io.BufferedReader(io.FileIO(0, closefd=False)), "surrogateescape")
    sys.stdout = text(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "surrogateescape")
    sys.stderr = text(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "backslashreplace")


def text(stream: io.BufferedReader | io.BufferedWriter, errors: str) -> io.TextIOWrapper:
    """A standard stream as the interpreter makes it in the locale of the tests."""
    return io.TextIOWrapper(stream, encoding="utf-8", errors=errors, line_buffering=errors == "backslashreplace")


def end_at_once(codes: list[int]) -> None:
    """End where the interpreter would take all modules apart: in a copy, that touches every page that is shared. Not
    where there is still something to say about the streams."""
    if not codes:
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    codes: list[int] = []
    atexit.register(end_at_once, codes)  # the first one, so the last to be called
    _, place, program, *packages = sys.argv
    main = load(program, packages)
    gc.collect()
    gc.freeze()
    asked = serve(place)
    if asked is not None:
        sys.argv = [program, *asked]
        sys.orig_argv = [sys.executable, "-I", *sys.argv]
        codes.append(main())
        sys.exit(codes[0])
