"""Requests to a backend over one connection, on an event loop; callers take turns. Never mixes up two answers.

After a request that had no proper response, or that was cancelled, nothing more is sent: its response might still come.
Source: the running-process broker's frame client.
"""

from __future__ import annotations

import asyncio

from iapeer_memory.broker.client_errors import ExchangeFailed
from iapeer_memory.broker.exchange import Exchange
from iapeer_memory.broker.timed_stream_async import TimedStreamAsync
from iapeer_memory.broker.wire_v1.frame import Frame


class AsyncFrameClient:
    """A backend, as its client sees it."""

    def __init__(self, stream: TimedStreamAsync, *, last_id: int = 0) -> None:
        self.stream = stream
        self.exchange = Exchange(last_id=last_id)
        self.turn = asyncio.Lock()

    async def request(self, protocol: int, payload: bytes, *, deadline: float) -> Frame:
        """Send a request and read its response. `deadline`: of the loop's clock, waiting for one's turn included.

        Raises ExchangeFailed. A payload that makes the frame too large is a FramingError, and nothing is sent.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self.turn.acquire()
        except TimeoutError:
            raise ExchangeFailed("timeout", "another request is still under way") from None
        try:
            return await self._request(protocol, payload, deadline)
        finally:
            self.turn.release()

    async def _request(self, protocol: int, payload: bytes, deadline: float) -> Frame:
        data = self.exchange.request(protocol, payload)
        try:
            await self.stream.send(data, deadline=deadline)
            return self.exchange.response(await self.stream.frame(deadline=deadline))
        except BaseException as error:
            raise self.exchange.broke(error) from None

    def release(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """The connection itself, for another wire: the streams, and the bytes that came behind the last response."""
        self.exchange.over = "the connection was released"
        return self.stream.release()

    def close(self) -> None:
        """Close the connection."""
        self.exchange.over = "the connection is closed"
        self.stream.close()
