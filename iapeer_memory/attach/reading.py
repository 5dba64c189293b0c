"""What comes from a socket, read into a buffer that stays: asyncio's protocols, without a new buffer for each read.

asyncio's own way asks the allocator for 256 KiB whenever something has come, and gives back what it did not need: more
work than all that is done with a frame. Never keeps what has come.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

SIZE = 1 << 16


class Reading(asyncio.BufferedProtocol, ABC):
    """A protocol that is handed bytes. `buffer`: may be shared by all that one event loop serves."""

    __slots__ = ("_buffer",)

    def __init__(self, buffer: memoryview | None = None) -> None:
        self._buffer = memoryview(bytearray(SIZE)) if buffer is None else buffer

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Something has come."""

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._buffer[:nbytes]))
