"""A broker or a backend that does with each connection what a test says, and remembers who came."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from iapeer_memory.broker.protobuf import Message, decode, encode
from iapeer_memory.broker.wire_v1.control import Hello, HelloReply, Negotiated, Refused
from iapeer_memory.broker.wire_v1.frame import Frame, response
from iapeer_memory.broker.wire_v1.framing import Unframer, framed

Script = Callable[["Peer"], None]


class Peer:
    """The other end of one connection, in a thread of its own. `path`: of the socket; `number`: from 1."""

    def __init__(self, path: str, stream: socket.socket, stop: threading.Event, number: int) -> None:
        self.path = path
        self.stream = stream
        self.stop = stop
        self.number = number
        self.unframer = Unframer()

    def frame(self) -> Frame:
        """The next frame that the client sends."""
        while (body := self.unframer.next()) is None:
            data = self.stream.recv(65536)
            if not data:
                raise EOFError
            self.unframer.feed(data)
        return decode(Frame, body)

    def send(self, data: bytes) -> None:
        self.stream.sendall(data)

    def answer(self, frame: Frame, message: Message) -> None:
        """Send a response with the message."""
        self.send(framed(encode(response(frame, encode(message)))))

    def linger(self) -> None:
        """Say nothing until the test is over."""
        self.stop.wait(20)


class Scripted:
    """A socket on which a script listens."""

    def __init__(self, path: str, script: Script) -> None:
        self.path = path
        self.script = script
        self.count = 0
        self.stop = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            if self.stop.is_set():
                stream.close()
                return
            self.count += 1
            peer = Peer(self.path, stream, self.stop, self.count)
            thread = threading.Thread(target=self.serve, args=(peer,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, peer: Peer) -> None:
        with peer.stream, suppress(EOFError, OSError):
            self.script(peer)

    def close(self) -> None:
        self.stop.set()
        with suppress(OSError), socket.socket(socket.AF_UNIX) as wake:
            wake.connect(self.path)
        self.listener.close()
        for thread in self.threads:
            thread.join(5)


@contextmanager
def folder() -> Iterator[str]:
    """A folder whose path leaves room for a socket's name."""
    made = tempfile.mkdtemp(prefix="rp", dir="/tmp")
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextmanager
def scripted(path: str, script: Script) -> Iterator[Scripted]:
    """Something that listens there while the block runs; its socket file goes with it."""
    one = Scripted(path, script)
    try:
        yield one
    finally:
        one.close()
        Path(path).unlink(missing_ok=True)


def negotiating(endpoint: str, *, seen: list[Hello] | None = None, **more: object) -> Script:
    """A broker that says yes."""

    def script(peer: Peer) -> None:
        frame = peer.frame()
        if seen is not None:
            seen.append(decode(Hello, frame.payload))
        said = Negotiated(negotiated_protocol=1, daemon_version="1.0.0", backend_pipe=endpoint, **more)  # type: ignore[arg-type]
        peer.answer(frame, HelloReply(negotiated=said))

    return script


def refusing(**said: object) -> Script:
    """A broker that says no."""

    def script(peer: Peer) -> None:
        peer.answer(peer.frame(), HelloReply(refused=Refused(**said)))  # type: ignore[arg-type]

    return script


def echoing(peer: Peer) -> None:
    """A backend that gives back what it gets."""
    while True:
        frame = peer.frame()
        peer.send(framed(encode(response(frame, frame.payload))))


def silent(peer: Peer) -> None:
    """Somebody who says nothing."""
    peer.linger()
