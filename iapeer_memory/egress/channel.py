"""Frames between us and a process that we started: four bytes of length, then so many bytes."""

from __future__ import annotations

import os

HEAD = 4
PIECE = 1 << 16


class Channel:
    """One end. One thread at a time. `fd`: a connected stream socket, ours from now on."""

    __slots__ = ("_come", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._come = b""

    def send(self, data: bytes) -> None:
        """Send one frame. Raises OSError when the other end is gone."""
        rest = memoryview(len(data).to_bytes(HEAD, "big") + data)
        while rest:
            rest = rest[os.write(self.fd, rest) :]

    def receive(self) -> bytes | None:
        """Wait for the next frame; None when the other end is gone."""
        while (frame := self.frame()) is None:
            if not self.more():
                return None
        return frame

    def more(self) -> bool:
        """Take in what has come, waiting for something; False when the other end is gone."""
        try:
            piece = os.read(self.fd, PIECE)
        except OSError:
            return False
        self._come += piece
        return bool(piece)

    def frame(self) -> bytes | None:
        """The next frame, where it has come whole."""
        end = HEAD + int.from_bytes(self._come[:HEAD], "big")
        if len(self._come) < max(end, HEAD):
            return None
        frame, self._come = self._come[HEAD:end], self._come[end:]
        return frame

    def close(self) -> None:
        """Let go of it; the other end sees that."""
        os.close(self.fd)


def channel_pair() -> tuple[Channel, Channel]:
    """Our end, and the one whose descriptor a child is given."""
    import socket

    ours, theirs = socket.socketpair()
    return Channel(ours.detach()), Channel(theirs.detach())
