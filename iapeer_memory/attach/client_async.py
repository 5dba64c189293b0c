"""A session's client on an event loop: many questions at once over one connection, and more than one route.

The rules are those of `client`: it attaches when first asked and again when it must, and asks at most once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from iapeer_memory.attach import codes
from iapeer_memory.attach.bodies import Identity, Tier, member, plain
from iapeer_memory.attach.client_wire import (
    ATTEMPTS,
    channel_of,
    pause_before,
    raised_by,
)
from iapeer_memory.attach.envelope import ERROR, STREAM_END
from iapeer_memory.attach.errors import AttachFailed, NotSent, OutcomeUnknown, Refused
from iapeer_memory.attach.line import Line

Connect = Callable[[Callable[[], Line], float], Awaitable[Line]]
"""(factory, deadline of the loop's clock) -> a connected line. Raises OSError."""


class AsyncClient:
    """One connection to the router, made when it is needed."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._line: Line | None = None
        self._lock = asyncio.Lock()

    async def line(self, end: float) -> Line:
        """The connection. Raises NotSent."""
        try:
            async with asyncio.timeout_at(end), self._lock:
                if self._line is None or self._line.lost:
                    self._line = await self._connect(Line, end)
                return self._line
        except OSError as error:  # TimeoutError is one
            raise NotSent(f"nobody answers on the memory socket ({error})") from None

    def session(
        self,
        identity: Identity,
        tiers: Callable[[], Sequence[Tier]] = lambda: (),
        *,
        pushed: Callable[[bytes], None] = lambda _: None,
        attempts: int = ATTEMPTS,
    ) -> AsyncSession:
        """A session over it; nothing is sent yet. `tiers`: asked for at every attach. `pushed`: told what comes
        unasked."""
        return AsyncSession(self, identity, tiers, pushed, attempts)

    def close(self) -> None:
        """Hang up; every route goes with it."""
        if self._line is not None:
            self._line.close()


class AsyncSession:
    """One route, for as long as it is wanted."""

    def __init__(
        self,
        client: AsyncClient,
        identity: Identity,
        tiers: Callable[[], Sequence[Tier]],
        pushed: Callable[[bytes], None],
        attempts: int,
    ) -> None:
        self.identity = identity
        self.channel = 0
        self.pushed = pushed
        self._client = client
        self._tiers = tiers
        self._attempts = attempts
        self._line: Line | None = None
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    async def request(self, body: bytes, *, within: float, key: str = "", binary: bool = False) -> bytes:
        """The answer's body. `within`: seconds. Raises NotSent, OutcomeUnknown, Refused."""
        end = self._loop.time() + within
        again = True
        while True:
            line = self._line
            if line is None or not self.channel:
                line = await self.attach(end)
            channel = self.channel
            corr, frame = line.wire.request(channel, body, binary=binary)
            answer = await line.ask(channel, corr, frame, end, key)
            if answer.kind != ERROR:
                return answer.body
            failed = raised_by(answer, key)
            if not (again and isinstance(failed, Refused) and failed.code in codes.BEFORE_SENDING):
                raise failed
            again = False
            self._forget(channel)

    async def stream(self, body: bytes, *, within: float, key: str = "", binary: bool = False) -> AsyncIterator[bytes]:
        """The answer piece by piece. Raises as `request`; `unknown_channel` is not asked again."""
        end = self._loop.time() + within
        line = await self.attach(end)
        corr, frame = line.wire.request(self.channel, body, binary=binary)
        async for piece in line.pieces(self.channel, corr, frame, end, key):
            if piece.kind == ERROR:
                raise raised_by(piece, key)
            if piece.kind != STREAM_END:
                yield piece.body

    async def poll(self, op: str, *, within: float) -> str | bool:
        """As the waiting client's."""
        if self._line is None or not self.channel:
            raise NotSent("there is no route to ask after")
        corr, frame = self._line.wire.poll(op, self.channel)
        answer = await self._line.ask(0, corr, frame, self._loop.time() + within)
        if answer.kind == ERROR:
            raise raised_by(answer, "")
        told = member(plain(answer.body), "status" if op == "status" else "live")
        if not isinstance(told, str | bool):
            raise AttachFailed("the router's answer to a poll cannot be read")
        return told

    async def attach(self, end: float) -> Line:
        """See to it that there is a route; once for all that wait. Raises NotSent, Refused."""
        try:
            async with asyncio.timeout_at(end), self._lock:
                return await self._attached(end)
        except TimeoutError:
            raise NotSent("there was no time left to attach") from None

    async def _attached(self, end: float) -> Line:
        attempt = 0
        while self._line is None or not self.channel:
            try:
                pause = pause_before(attempt)
                if pause and self._loop.time() + pause > end:
                    raise NotSent("there is no time left to attach")
                if pause:
                    await asyncio.sleep(pause)
                await self._attach(end)
            except Refused as error:
                attempt += 1
                if error.code not in codes.TRY_AGAIN or attempt >= self._attempts:
                    raise
            except NotSent:
                attempt += 1
                if attempt >= self._attempts or self._loop.time() >= end:
                    raise
        return self._line

    def end(self) -> None:
        """Say GOODBYE; no answer comes."""
        if self._line is not None and self.channel:
            self._line.send(self._line.wire.goodbye(self.channel))
            self._line.routes.pop(self.channel, None)
        self.released()

    def released(self) -> None:
        """The route is gone; the next question attaches anew."""
        self.channel = 0
        self._line = None

    async def _attach(self, end: float) -> None:
        line = await self._client.line(end)
        try:
            corr, frame = line.wire.attach(self.identity, self._tiers())
        except ValueError as error:
            raise Refused(codes.INVALID_ATTACH_REQUEST, str(error)) from None
        try:
            answer = await line.ask(0, corr, frame, end)
        except asyncio.CancelledError:
            line.give_up(corr)
            raise
        except OutcomeUnknown as error:
            line.give_up(corr)
            raise NotSent(f"the session was not taken on: {error.reason}") from None
        channel = channel_of(answer)
        if line.lost:
            raise NotSent("the router hung up")
        self.channel = channel
        self._line = line
        line.routes[channel] = self

    def _forget(self, channel: int) -> None:
        if self.channel == channel:
            if self._line is not None:
                self._line.routes.pop(channel, None)
            self.released()
