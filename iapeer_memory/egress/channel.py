"""Frames between us and a process that we started: four bytes of length, then so many bytes."""

from __future__ import annotations

import os
import select

HEAD = 4
PIECE = 1 << 16


class Channel:
    """One end. One thread at a time."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        """`fd`: a connected stream socket, ours from now on."""
        self._fd = fd

    def send(self, data: bytes) -> None:
        """Send one frame. Raises OSError when the other end is gone."""
        rest = memoryview(len(data).to_bytes(HEAD, "big") + data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def receive(self, timeout: float | None = None) -> bytes | None:
        """The next frame; None when the other end is gone, or silent for so many seconds."""
        head = self._exactly(HEAD, timeout)
        return None if head is None else self._exactly(int.from_bytes(head, "big"), timeout)

    def close(self) -> None:
        """Let go of it; the other end sees that."""
        os.close(self._fd)

    def _exactly(self, size: int, timeout: float | None) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                if timeout is not None and not self._comes(timeout):
                    return None
                piece = os.read(self._fd, min(PIECE, size - len(data)))
            except OSError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def _comes(self, timeout: float) -> bool:
        """Whether something can be read in time."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(timeout * 1000))


def let_go(fd: int) -> None:
    """Close a descriptor that a child has by now."""
    os.close(fd)


def channel_pair() -> tuple[Channel, int]:
    """Our end, and the descriptor for a child."""
    import socket

    ours, theirs = socket.socketpair()
    return Channel(ours.detach()), theirs.detach()
