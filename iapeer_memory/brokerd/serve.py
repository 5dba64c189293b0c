"""The asyncio shell: accepts connections, reads until there is an answer, writes it, and closes. It decides nothing.

Every connection has one deadline from the moment it is accepted, which no trickle of bytes extends. Whatever goes wrong
with a connection ends that connection. When no file descriptor is left the queue is left alone for a moment. The
sockets come from egress; here they are read and written without anything in between.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket

AT_ONCE = 64
"""Connections that are accepted before others get a turn."""
PIECE = 1 << 16
SHUT_WR = 1
"""Source: POSIX, shutdown."""
LINGER_SECONDS = 1.0
LINGER_BYTES = 1 << 25
WRITE_SECONDS = 5.0
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Conversation(Protocol):
    """What is said on one connection. Its answer goes through the `Line` that it was made with."""

    def received(self, data: bytes) -> bool:
        """Bytes came; False when no more are wanted."""
        ...

    def ended(self) -> None:
        """The other end will send no more, and more was wanted."""
        ...

    def late(self) -> None:
        """The deadline has passed, and more was wanted."""
        ...


class Acceptor:
    """Accepts from one listener. `exhausted`: asked for how many milliseconds to pause when descriptors run out."""

    def __init__(
        self,
        listener: socket.socket,
        take: Callable[[socket.socket], None],
        exhausted: Callable[[], int],
    ) -> None:
        self.listener = listener
        self._loop = asyncio.get_running_loop()
        self._take = take
        self._exhausted = exhausted
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(listener, self._ready)

    def stop(self) -> None:
        """Accept nobody any more. The listener stays open: its owner closes it."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self.listener)

    def _ready(self) -> None:
        for _ in range(AT_ONCE):
            try:
                stream, _ = self.listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._loop.remove_reader(self.listener)
                    self._pause = self._loop.call_later(self._exhausted() / 1_000, self._again)
                    return
                continue  # that one client is gone
            stream.setblocking(False)
            self._take(stream)

    def _again(self) -> None:
        self._pause = None
        self._loop.add_reader(self.listener, self._ready)


class Line:
    """One connection: reads for its conversation, then writes one answer and closes.

    `closed`: called once, when it is over. `waiting` is True until the conversation wants no more bytes.
    """

    __slots__ = ("_closed", "_loop", "_read", "_stream", "_talk", "_timer", "_watched", "answered", "waiting")

    def __init__(self, stream: socket.socket, closed: Callable[[Line], None]) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._closed = closed
        self._read = 0
        self._timer: asyncio.TimerHandle | None = None
        self._talk: Conversation | None = None
        self._watched = False
        self.answered = False
        self.waiting = True

    def open(self, talk: Conversation, seconds: float) -> None:
        """Begin: the conversation has that long to say what it wants."""
        self._talk = talk
        # Who connects speaks first, mostly at once.
        self._readable()
        if self.waiting:
            self._timer = self._loop.call_later(seconds, self._late)
            self._watch(self._readable)

    def answer(self, data: bytes | None) -> None:
        """Write, then close; None: just close. Only the first answer counts."""
        if not self._over() and data is not None:
            self._write(data, linger=False)
        elif data is None:
            self.close()

    def answer_and_keep(self, data: bytes) -> socket.socket | None:
        """Write, and give the connection to the caller, who closes it; None when it could not be written at one go."""
        if self._over():
            return None
        try:
            whole = self._stream.send(data) == len(data)
        except OSError:
            whole = False
        if not whole:
            self.close()
            return None
        self._closed(self)
        return self._stream

    def refuse(self, data: bytes) -> None:
        """As `answer`, to somebody who may not be done sending."""
        if not self._over():
            self._write(data, linger=True)

    def close(self) -> None:
        """Over, whatever was under way."""
        if self._stream.fileno() < 0:
            return
        self._over()
        self._still()
        self._stream.close()
        self._closed(self)

    def hurry(self) -> None:
        """The deadline is now."""
        self._late()

    def _over(self) -> bool:
        """Whether it was over; it is now."""
        before, self.answered, self.waiting, self._talk = self.answered, True, False, None
        if not before:
            self._still()
        return before

    def _watch(self, readable: Callable[[], None]) -> None:
        self._watched = True
        self._loop.add_reader(self._stream, readable)

    def _still(self) -> None:
        """No timer and no watch any more. The loop is not asked about what it does not watch: that is slow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._stream)
            self._loop.remove_writer(self._stream)

    def _readable(self) -> None:
        talk = self._talk
        if talk is None or self.answered:
            return
        try:
            data = self._stream.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        try:
            if not data:
                talk.ended()
            elif not talk.received(data) and not self.answered:
                self.waiting = False
                self._still()
        except Exception:
            self.close()
            raise

    def _late(self) -> None:
        if self._talk is not None and not self.answered:
            self._talk.late()

    def _write(self, data: bytes, *, linger: bool) -> None:
        try:
            sent = self._stream.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            if self._timer is None:
                self._timer = self._loop.call_later(WRITE_SECONDS, self.close)
            self._watched = True
            self._loop.add_writer(self._stream, lambda: self._write(data[sent:], linger=linger))
            return
        if linger:
            self._linger()
        else:
            self.close()

    def _linger(self) -> None:
        """Closing with bytes unread would take the answer back from under a client that still sends: read them away."""
        try:
            self._stream.shutdown(SHUT_WR)
        except OSError:
            self.close()
            return
        self._still()
        self._timer = self._loop.call_later(LINGER_SECONDS, self.close)
        self._watch(self._drop)
        self._drop()

    def _drop(self) -> None:
        try:
            data = self._stream.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._read += len(data)
        if not data or self._read > LINGER_BYTES:
            self.close()
