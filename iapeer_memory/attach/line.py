"""A client's connection on an event loop: what is sent on it, and who waits for which answer. Never attaches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from iapeer_memory.attach.bodies import error_body
from iapeer_memory.attach.client_wire import NOT_PERFORMED, ClientWire, channel_of
from iapeer_memory.attach.envelope import ERROR, GOODBYE, PUSH, REQUEST, STREAM_DATA, Frame, encoded
from iapeer_memory.attach.errors import AttachFailed, NotSent, OutcomeUnknown
from iapeer_memory.attach.reading import Reading

if TYPE_CHECKING:
    from iapeer_memory.attach.client_async import AsyncSession

TOGETHER = 8
"""Questions that are kept for one write; see the module's."""


class Line(Reading):
    """One connection, and who waits for what on it."""

    def __init__(self) -> None:
        super().__init__()
        self.wire = ClientWire()
        self.lost = False
        self.routes: dict[int, AsyncSession] = {}
        self._waiting: dict[tuple[int, int], asyncio.Future[Frame]] = {}
        self._streams: dict[tuple[int, int], asyncio.Queue[Frame | None]] = {}
        self._given_up: set[int] = set()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    async def ask(self, channel: int, corr: int, frame: bytes, end: float, key: str = "") -> Frame:
        """Send a request and wait for the frame that ends it. Raises OutcomeUnknown, NotSent."""
        if self.lost:
            raise NotSent("the router hung up")
        answer: asyncio.Future[Frame] = self._loop.create_future()
        at = channel, corr
        self._waiting[at] = answer
        self.send(frame)
        timer = self._loop.call_at(end, _too_late, answer)
        try:
            return await answer
        except (OutcomeUnknown, asyncio.CancelledError) as error:
            if isinstance(error, OutcomeUnknown):
                error.key = key
            elif not channel and answer.done() and not answer.cancelled():
                self._unwanted(answer.result())
            if self._waiting.pop(at, None) is not None and channel and not self.lost:
                self.send(self.wire.cancel(channel, corr))
            raise
        finally:
            timer.cancel()

    async def pieces(self, channel: int, corr: int, frame: bytes, end: float, key: str) -> AsyncIterator[Frame]:
        """Send a request and give out each frame of its answer. Raises OutcomeUnknown, NotSent."""
        come: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._streams[channel, corr] = come
        answer = asyncio.ensure_future(self.ask(channel, corr, frame, end, key))
        answer.add_done_callback(lambda _: come.put_nowait(None))
        try:
            while (piece := await come.get()) is not None:
                yield piece
            yield await answer
        finally:
            del self._streams[channel, corr]
            answer.cancel()
            with suppress(asyncio.CancelledError, AttachFailed):
                await answer

    def give_up(self, corr: int) -> None:
        """Nobody waits for this attach any more: a route that it still gets is ended at once."""
        if not self.lost:
            self._given_up.add(corr)

    def send(self, frame: bytes) -> None:
        """Send it: at once where nothing else is under way, else with what is sent before the loop comes round."""
        self._out.append(frame)
        if len(self._waiting) <= 1 or len(self._out) >= TOGETHER:
            self._flush()
        elif len(self._out) == 1:
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for frame in self.wire.reader.feed(data):
            self._take(frame)
        if self.wire.reader.error is not None and self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._transport = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(OutcomeUnknown(f"the router hung up; {NOT_PERFORMED}"))
        for route in list(self.routes.values()):
            route.released()
        self.routes.clear()

    def _take(self, frame: Frame) -> None:
        at = frame.channel, frame.corr
        kind = frame.kind
        if kind == STREAM_DATA:
            come = self._streams.get(at)
            if come is not None:
                come.put_nowait(frame)
        elif kind in (PUSH, GOODBYE):
            route = self.routes.get(frame.channel)
            if route is None:
                return
            if kind == PUSH:
                route.pushed(frame.body)
            else:
                del self.routes[frame.channel]
                route.released()
        elif kind == REQUEST:
            told = error_body("not_supported", "this client answers no requests")
            self.send(encoded(ERROR, frame.channel, frame.corr, told))
        else:
            answer = self._waiting.pop(at, None)
            if answer is not None and not answer.done():
                answer.set_result(frame)
            elif not frame.channel and frame.corr in self._given_up:
                self._given_up.discard(frame.corr)
                self._unwanted(frame)

    def _unwanted(self, answer: Frame) -> None:
        """An attach has worked for which nobody waits any more."""
        with suppress(AttachFailed):
            self.send(self.wire.goodbye(channel_of(answer)))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self._transport is not None:
            self._transport.write(b"".join(out))


def _too_late(answer: asyncio.Future[Frame]) -> None:
    if not answer.done():
        answer.set_exception(OutcomeUnknown(f"no answer came in time; {NOT_PERFORMED}"))
