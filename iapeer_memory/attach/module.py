"""A module on an event loop: registers, takes sessions on, and answers each request in a task of its own.

memoryd's side of the wire. It is an asyncio protocol: give it to `connect_transport` to register with a router that
another process serves, or to `RouterServer.join` for the one in our own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from iapeer_memory.attach import codes
from iapeer_memory.attach.answering import Answering
from iapeer_memory.attach.bound_route import BoundRoute, Handler, Vet
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
from iapeer_memory.attach.once import Once
from iapeer_memory.attach.reading import Reading


async def welcome(_: BoundRoute) -> Refused | None:
    """Takes every session on."""
    return None


class Module(Reading):
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
        super().__init__()
        self.wire = ModuleWire(manifest)
        self.routes: dict[int, BoundRoute] = {}
        self._vet = vet
        self._gone = gone
        self._log = log
        self._answering = Answering(self.wire, handler, once if once is not None else Once(), self.flush, log)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._registered: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._vetting: dict[int, tuple[int, asyncio.Task[None]]] = {}

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

    # asyncio's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.wire.received(data):
            if type(event) is Asked:
                if (route := self.routes.get(event.channel)) is not None:
                    self._answering.begin(route, event)
            else:
                self._act(event)
        self.flush()
        if self.wire.reader.error is not None and self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._answering.room.clear()

    def resume_writing(self) -> None:
        self._answering.room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._answering.room.set()
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
            self._answering.withdraw(event)
        elif isinstance(event, Registered) and not self._registered.done():
            self._registered.set_result(None)
        elif isinstance(event, NotRegistered):
            if not self._registered.done():
                self._registered.set_exception(Refused(event.code, event.message))
                self._registered.exception()
            if self._transport is not None:
                self._transport.close()

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

    def _forget(self, channel: int) -> None:
        route = self.routes.pop(channel, None)
        if route is not None:
            self._answering.forget(channel)
            self._gone(route)
