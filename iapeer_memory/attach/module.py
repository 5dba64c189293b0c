"""A module on an event loop: registers, takes sessions on, and answers each request in a task of its own.

memoryd's side of the wire. It is an asyncio protocol: give it to `connect_transport` to register with a router that
another process serves, or to `RouterServer.join` for the one in our own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from iapeer_memory.attach import codes
from iapeer_memory.attach.bodies import Identity, Tier, error_body
from iapeer_memory.attach.errors import NotSent, Refused
from iapeer_memory.attach.module_wire import (
    Asked,
    Attached,
    Event,
    Gone,
    ModuleWire,
    NotRegistered,
    Registered,
    Withdrawn,
)
from iapeer_memory.attach.once import Once, key_of

Answer: TypeAlias = "bytes | AsyncIterator[bytes]"
"""The body of a RESPONSE, or the pieces of a stream."""


class BoundRoute:
    """A session that is attached. `identity.root` is canonical; `tiers` as the session sent them; `since`: of the
    loop's clock. `keep`: whatever the module wants to remember for the session."""

    __slots__ = ("_module", "calls", "channel", "identity", "keep", "last_error", "since", "tiers")

    def __init__(self, module: Module, identity: Identity, tiers: tuple[Tier, ...], since: float) -> None:
        self._module = module
        self.channel = 0
        self.identity = identity
        self.tiers = tiers
        self.since = since
        self.calls = 0
        self.last_error = ""
        self.keep: object = None

    def push(self, body: bytes, *, binary: bool = False) -> bool:
        """Say something unasked; False where the session has gone."""
        told = self._module.wire.push(self.channel, body, binary=binary)
        self._module.flush()
        return told

    def status(self, text: str) -> None:
        """What is told to who asks the router after this session."""
        self._module.wire.status(self.channel, text)
        self._module.flush()

    def end(self) -> None:
        """End the session's route; it may attach again."""
        self._module.end(self)


Handler: TypeAlias = "Callable[[BoundRoute, str, bytes], Awaitable[Answer]]"
"""(route, method, body) -> the answer. `method`: of a JSON-RPC body, "" of any other. Refused becomes an ERROR."""
Vet: TypeAlias = "Callable[[BoundRoute], Awaitable[Refused | None]]"
"""Whether a session is taken on; what it returns is why not."""


TASK = "attach request"
TOGETHER = 8
"""Answers that are kept for one write. With more the client would wait idle for what is ready."""


async def welcome(_: BoundRoute) -> Refused | None:
    """Takes every session on."""
    return None


class Module(asyncio.Protocol):
    """Of one connection; a new one for each attempt. `once`: shared by those that follow each other, so that a write
    that is repeated after a reconnect is still known. `log`: told of what nobody foresaw."""

    def __init__(
        self,
        manifest: str,
        handler: Handler,
        *,
        vet: Vet = welcome,
        gone: Callable[[BoundRoute], None] = lambda _: None,
        once: Once | None = None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.wire = ModuleWire(manifest)
        self.routes: dict[int, BoundRoute] = {}
        self._handler = handler
        self._vet = vet
        self._gone = gone
        self._once = once if once is not None else Once()
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._registered: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._vetting: dict[int, tuple[int, asyncio.Task[None]]] = {}
        self._work: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._kept: set[asyncio.Task[None]] = set()
        self._flushing = False
        self._room = asyncio.Event()
        self._room.set()

    async def registered(self) -> None:
        """Wait until the router has taken us on. Raises Refused, or NotSent where the connection ended before."""
        await asyncio.shield(self._registered)

    async def closed(self) -> None:
        """Wait for the end of the connection."""
        await asyncio.shield(self._closed)

    def close(self) -> None:
        """Say GOODBYE and hang up."""
        if self._transport is not None:
            self.wire.goodbye()
            self.flush()
            self._transport.close()

    def end(self, route: BoundRoute) -> None:
        """End one route."""
        if self.routes.get(route.channel) is route:
            self.wire.goodbye(route.channel)
            self.flush()
            self._forget(route.channel)

    def flush(self) -> None:
        """Send what there is."""
        if self.wire.out and self._transport is not None:
            out, self.wire.out = self.wire.out, []
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _flush_turn(self) -> None:
        self._flushing = False
        self.flush()

    # asyncio's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.wire.received(data):
            if type(event) is Asked:
                self._begin(event)
            else:
                self._act(event)
        self.flush()
        if self.wire.reader.error is not None and self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._room.set()
        for _, vetting in self._vetting.values():
            vetting.cancel()
        self._vetting.clear()
        for channel in list(self.routes):
            self._forget(channel)
        if not self._registered.done():
            self._registered.set_exception(NotSent("the router hung up"))
            self._registered.exception()
        if not self._closed.done():
            self._closed.set_result(None)

    def _act(self, event: Event) -> None:
        if isinstance(event, Attached):
            route = BoundRoute(self, event.attach.identity, event.attach.tiers, self._loop.time())
            vetting = self._loop.create_task(self._decide(event, route))
            self._vetting[event.relay] = event.attach.channel, vetting
        elif isinstance(event, Gone):
            for relay, (channel, vetting) in list(self._vetting.items()):
                if channel == event.channel:
                    # A task that is cancelled before its first step runs nothing, not even what it would do at last.
                    del self._vetting[relay]
                    vetting.cancel()
            self._forget(event.channel)
        elif isinstance(event, Withdrawn):
            work = self._work.get((event.channel, event.corr))
            if work is not None:
                work.add_done_callback(lambda _: self._withdrawn(event.channel, event.corr))
                work.cancel()
        elif isinstance(event, Registered) and not self._registered.done():
            self._registered.set_result(None)
        elif isinstance(event, NotRegistered):
            if not self._registered.done():
                self._registered.set_exception(Refused(event.code, event.message))
                self._registered.exception()
            if self._transport is not None:
                self._transport.close()

    def _withdrawn(self, channel: int, corr: int) -> None:
        """The end of a request that was cancelled before its first step, and so could not answer."""
        self._work.pop((channel, corr), None)
        if self.wire.fail(channel, corr, error_body(codes.CANCELLED, "the request was cancelled")):
            self.flush()

    async def _decide(self, event: Attached, route: BoundRoute) -> None:
        refused: Refused | None
        try:
            refused = await self._vet(route)
        except Refused as error:
            refused = error
        except Exception as error:
            self._log(f"a session could not be looked at ({type(error).__name__}: {error})")
            refused = Refused(codes.HANDLER_FAILED, "the session could not be looked at")
        finally:
            self._vetting.pop(event.relay, None)
        if refused is not None:
            self.wire.veto(event.relay, refused.code, refused.message)
        else:
            route.channel = self.wire.accept(event.relay)
            if route.channel:
                self.routes[route.channel] = route
        self.flush()

    def _begin(self, asked: Asked) -> None:
        route = self.routes.get(asked.channel)
        if route is None:
            return
        route.calls += 1
        work = asyncio.Task(self._answer(route, asked), loop=self._loop, name=TASK)
        self._work[asked.channel, asked.corr] = work

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
                self.wire.respond(asked.channel, asked.corr, answer, binary=asked.binary)
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
        if not self._work or len(self.wire.out) >= TOGETHER:
            self.flush()
        elif not self._flushing:
            # What is answered in one turn of the loop goes out together.
            self._flushing = True
            self._loop.call_soon(self._flush_turn)

    async def _handled(self, route: BoundRoute, method: str, body: bytes) -> bytes:
        answer = await self._handler(route, method, body)
        if not isinstance(answer, bytes):
            raise Refused(codes.HANDLER_FAILED, "a request with an idempotency key is answered in one piece")
        return answer

    async def _stream(self, asked: Asked, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                if not self.wire.stream(asked.channel, asked.corr, piece, binary=asked.binary):
                    return
                self.flush()
                await self._room.wait()
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
        self.wire.end_stream(asked.channel, asked.corr)

    def _fail(self, route: BoundRoute, asked: Asked, error: Refused) -> None:
        route.last_error = error.code
        body = error_body(error.code, error.message)
        if error.detail is not None:
            body = (
                body[:-1] + b',"detail":' + json.dumps(error.detail, separators=(",", ":"), default=str).encode() + b"}"
            )
        self.wire.fail(asked.channel, asked.corr, body)

    def _forget(self, channel: int) -> None:
        route = self.routes.pop(channel, None)
        if route is None:
            return
        for of, corr in list(self._work):
            if of == channel:
                self._work.pop((of, corr)).cancel()
        self._gone(route)
