"""A stream of frames on an event loop whose every read and write ends by a deadline. Never drops a byte that it read.

Deadlines are moments of the loop's clock.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from iapeer_memory.broker.timed_stream import PIECE, ForeignListener
from iapeer_memory.broker.wire_v1.framing import FRAME_CAP, Unframer
from iapeer_memory.egress.local_sockets import peer_credentials
from iapeer_memory.egress.local_streams import open_local

if TYPE_CHECKING:
    import socket
    from asyncio import StreamReader, StreamWriter


class TimedStreamAsync:
    """One connection."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, *, cap: int = FRAME_CAP) -> None:
        self.reader = reader
        self.writer = writer
        self.unframer = Unframer(cap)

    async def send(self, data: bytes, *, deadline: float) -> None:
        """Send it all. Raises TimeoutError, OSError."""
        async with asyncio.timeout_at(deadline):
            self.writer.write(data)
            await self.writer.drain()

    async def frame(self, *, deadline: float) -> bytes:
        """The body of the next frame. Raises FramingError (also when the stream ends), TimeoutError, OSError."""
        async with asyncio.timeout_at(deadline):
            while (body := self.unframer.next()) is None:
                data = await self.reader.read(PIECE)
                if not data:
                    raise self.unframer.eof()
                self.unframer.feed(data)
        return body

    def release(self) -> tuple[StreamReader, StreamWriter, bytes]:
        """The streams, and the bytes that were read from them and belong to what follows, before all that is read."""
        return self.reader, self.writer, self.unframer.rest()

    def close(self) -> None:
        """Close the connection."""
        self.writer.close()


async def dialled_async(path: str, *, deadline: float, uid: int, cap: int = FRAME_CAP) -> TimedStreamAsync:
    """A stream to who listens there, if that is the user. Raises TimeoutError, OSError (ForeignListener)."""
    reader, writer = await open_local(path, deadline=deadline)
    try:
        owner = peer_credentials(cast("socket.socket", writer.get_extra_info("socket"))).uid
        if owner != uid:
            raise ForeignListener(f"user {owner} listens there")
    except BaseException:
        writer.close()
        raise
    return TimedStreamAsync(reader, writer, cap=cap)
