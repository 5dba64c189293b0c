"""Requests that a module is answering: a task each, and exactly one answer to each, however the task ends.

Never reads from the connection. A request with an idempotency key is finished even if its session has gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from iapeer_memory.attach import codes
from iapeer_memory.attach.bodies import error_body
from iapeer_memory.attach.bound_route import Answer, BoundRoute, Handler
from iapeer_memory.attach.errors import Refused
from iapeer_memory.attach.module_wire import Asked, ModuleWire, Withdrawn
from iapeer_memory.attach.once import Once, key_of

TASK = "attach request"
TOGETHER = 8
"""Answers that are kept for one write. With more the client would wait idle for what is ready."""


class Answering:
    """Of one module. `flush`: sends what the wire has to send. `room`: set while the router takes more."""

    __slots__ = ("_flush", "_flushing", "_handler", "_kept", "_log", "_loop", "_once", "_wire", "_work", "room")

    def __init__(
        self, wire: ModuleWire, handler: Handler, once: Once, flush: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        self._wire = wire
        self._handler = handler
        self._once = once
        self._flush = flush
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._work: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._kept: set[asyncio.Task[None]] = set()
        self._flushing = False
        self.room = asyncio.Event()
        self.room.set()

    def __len__(self) -> int:
        """How many are under way, those included for which nobody waits any more."""
        return len(self._work) + len(self._kept)

    def begin(self, route: BoundRoute, asked: Asked) -> None:
        """Answer it, in a task of its own."""
        route.calls += 1
        work = asyncio.Task(self._answer(route, asked), loop=self._loop, name=TASK)
        self._work[asked.channel, asked.corr] = work

    def withdraw(self, event: Withdrawn) -> None:
        """Nobody waits for that answer."""
        work = self._work.get((event.channel, event.corr))
        if work is not None:
            work.add_done_callback(lambda _: self._withdrawn(event.channel, event.corr))
            work.cancel()

    def forget(self, channel: int) -> None:
        """The route is gone, and whoever waited on it."""
        for of, corr in list(self._work):
            if of == channel:
                self._work.pop((of, corr)).cancel()

    def _withdrawn(self, channel: int, corr: int) -> None:
        """The end of a request that was cancelled before its first step, and so could not answer."""
        self._work.pop((channel, corr), None)
        if self._wire.fail(channel, corr, error_body(codes.CANCELLED, "the request was cancelled")):
            self._flush()

    async def _answer(self, route: BoundRoute, asked: Asked) -> None:
        method, key = ("", "") if asked.binary else key_of(asked.body)
        try:
            if key:
                # What has been begun under a key is finished, whoever has gone: its answer is kept for who asks next.
                task = self._work.pop((asked.channel, asked.corr), None)
                if task is not None:
                    self._kept.add(task)
                    task.add_done_callback(self._kept.discard)
                answer: Answer = await self._once.answer(
                    (route.identity, key), asked.body, lambda: self._handled(route, method, asked.body)
                )
            else:
                answer = await self._handler(route, method, asked.body)
            if isinstance(answer, bytes):
                self._wire.respond(asked.channel, asked.corr, answer, binary=asked.binary)
            else:
                await self._stream(asked, answer)
        except Refused as error:
            self._fail(route, asked, error)
        except asyncio.CancelledError:
            self._fail(route, asked, Refused(codes.CANCELLED, "the request was cancelled"))
        except Exception as error:
            self._log(f"a request of {method!r} failed ({type(error).__name__}: {error})")
            self._fail(route, asked, Refused(codes.HANDLER_FAILED, "the request failed; the daemon's log says why"))
        finally:
            self._work.pop((asked.channel, asked.corr), None)
        if not self._work or len(self._wire.out) >= TOGETHER:
            self._flush()
        elif not self._flushing:
            # What is answered in one turn of the loop goes out together.
            self._flushing = True
            self._loop.call_soon(self._flush_turn)

    def _flush_turn(self) -> None:
        self._flushing = False
        self._flush()

    async def _handled(self, route: BoundRoute, method: str, body: bytes) -> bytes:
        answer = await self._handler(route, method, body)
        if not isinstance(answer, bytes):
            raise Refused(codes.HANDLER_FAILED, "a request with an idempotency key is answered in one piece")
        return answer

    async def _stream(self, asked: Asked, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                if not self._wire.stream(asked.channel, asked.corr, piece, binary=asked.binary):
                    return
                self._flush()
                await self.room.wait()
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        self._wire.end_stream(asked.channel, asked.corr)

    def _fail(self, route: BoundRoute, asked: Asked, error: Refused) -> None:
        route.last_error = error.code
        body = error_body(error.code, error.message)
        if error.detail is not None:
            detail = json.dumps(error.detail, separators=(",", ":"), default=str)
            body = body[:-1] + b',"detail":' + detail.encode() + b"}"
        self._wire.fail(asked.channel, asked.corr, body)
