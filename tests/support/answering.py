"""A stand-in behind the socket of sessions, which answers each frame with bytes that a test has written."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from iapeer_memory.attach.envelope import Frame
from iapeer_memory.attach.reader import FrameReader

LONG = 30.0
"""Seconds that a slow one would go on for: far more than anybody may wait."""
STRANGER = 65534


@dataclass(slots=True)
class Answering:
    """`heard`: the frames that came. `left`: set once everybody who connected has hung up."""

    heard: list[Frame] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def serve(self, line: socket.socket, answers: Sequence[bytes], piece: int, pause: float, stays: bool) -> None:
        """Answer one frame after the other; then hear on until the other end hangs up, or hang up."""
        reader = FrameReader()
        with line, suppress(OSError):
            for answer in answers:
                while not (frames := reader.feed(data := line.recv(1 << 16))) and data:
                    pass
                self.heard += frames
                for at in range(0, len(answer), piece):
                    line.sendall(answer[at : at + piece])
                    if self.over.wait(pause):
                        return
            while stays and (data := line.recv(1 << 16)):
                self.heard += reader.feed(data)
        self.left.set()


@contextmanager
def answering(
    path: str, *answers: bytes, piece: int = 1 << 20, pause: float = 0.0, stays: bool = True
) -> Iterator[Answering]:
    """Listen on that path. `piece`, `pause`: bytes that are sent at once, seconds after each. `stays`: does not hang up
    when all is said."""
    state = Answering()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    state.serve(listener.accept()[0], answers, piece, pause, stays)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


STRANGERS = """
import os, socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
os.setuid(int(sys.argv[2]))
listener.listen()
print("ready", flush=True)
line, _ = listener.accept()
print(len(line.recv(1 << 16)), flush=True)
"""


@contextmanager
def strangers_socket(path: str) -> Iterator[subprocess.Popen[str]]:
    """Another user listens on that path, and prints how many bytes it was sent. For root alone."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        argv = [os.path.realpath(sys.executable), "-I", "-c", STRANGERS, str(listener.fileno()), str(STRANGER)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, pass_fds=[listener.fileno()]) as child:
            listener.close()
            assert child.stdout is not None
            try:
                assert child.stdout.readline() == "ready\n"
                yield child
            finally:
                child.kill()
