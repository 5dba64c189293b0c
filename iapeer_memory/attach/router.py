"""The router: what comes from one connection, and what goes to which because of it. No I/O, no clock, no task.

It decides from headers; of bodies it reads those on channel 0 alone, and a tier's text never. The shell hands in bytes
and the time, then takes what `touched` connections have to send, answers `questions`, and calls `expire` in time.

Where it differs from subc-protocol 0.1.0, all within its wire:

    an attach                    is looked up and relayed while its connection goes on; at most 32 at once each
    a module is silent           module_timeout after 12 s, and the channel is released
    a module answers nonsense    it hears so as before, and the client gets the same code instead of nothing
    a module dies or leaves      each request that has no answer gets backend_error, each route a GOODBYE
    a client dies attaching      its channel is released at once, the module hears a DetachRelay
    a module says GOODBYE        on a route: the route is released, not only the frame forwarded
    two modules with tools       the second one is refused: nobody takes sessions from the one that serves
    no credit                    the request waits in the router, its socket is read on; past 4 MiB: backend_error
    a cancelled request waits    it is not sent; the client gets the answer that it is owed from the router
    numbers of routes            run on over all modules and rest after use
    polls                        tell of the client's own routes alone
    large bodies on channel 0    over 1 MiB they are dropped and refused; the connection lives
    a client reads slowly        past 8 MiB it is cut off; a module: who sends to it is held
"""

from __future__ import annotations

from collections.abc import Iterable

from iapeer_memory.attach import codes
from iapeer_memory.attach.attaching import Attaching
from iapeer_memory.attach.channel_zero import ChannelZero
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.envelope import CANCEL, ERROR, GOODBYE, TERMINAL, Frame
from iapeer_memory.attach.identity import Root
from iapeer_memory.attach.outbox import Outbox
from iapeer_memory.attach.registry import Registry
from iapeer_memory.attach.relays import Relays
from iapeer_memory.attach.route_table import RouteTable
from iapeer_memory.attach.routes import Session

SLOW_READER = 8 << 20
"""Bytes a client may leave unread before it is cut off."""
BUSY_MODULE = 1 << 20
"""Bytes a module may leave unread before those who send to it are held."""
DEAD_MODULE = 64 << 20
"""Bytes a module may leave unread before it is cut off."""
ERROR_KEPT = 512


class Router:
    """The one daemon of a user, for all its sessions. Times are seconds of the shell's clock."""

    def __init__(self) -> None:
        self._connections: dict[Connection, None] = {}
        self._registry = Registry()
        self._outbox = Outbox()
        self._routes = RouteTable(self._outbox)
        self._relays = Relays(self._outbox, self._routes)
        self._channel_0 = ChannelZero(self._outbox, self._registry, self._routes, self._relays)

    def connected(self, uid: int, pid: int) -> Connection:
        """Somebody has come. `uid`, `pid`: as the kernel tells it."""
        connection = Connection(uid, pid)
        self._connections[connection] = None
        return connection

    def received(self, connection: Connection, data: bytes, now: float) -> None:
        """Bytes have come from there."""
        reader = connection.reader
        for frame in reader.feed(data):
            if connection.closed:
                return
            if frame.channel:
                if connection.manifest is None:
                    self._from_client(connection, frame, now)
                else:
                    self._from_module(connection, frame, now)
            elif _reads_slowly(connection) and connection.manifest is None:
                self._cut_off(connection, now)
            else:
                self._channel_0.received(connection, frame, now)
        if reader.error is not None:
            self._cut_off(connection, now)

    def ended(self, connection: Connection, now: float) -> None:
        """Nothing more will come from there, nor go. To be called once for every connection, however it ended."""
        connection.closed = True
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._channel_0.module_leaves(connection, now)
        self._channel_0.client_leaves(connection, now)
        if connection.held:
            for one in self._registry.connections():
                one.holding.discard(connection)

    def touched(self) -> Iterable[Connection]:
        """Connections with something to write, or to close, or to hold or read on, since last asked."""
        return self._outbox.taken()

    def wrote(self, connection: Connection, unsent: int) -> None:
        """What it had to send has been handed over; so much of it the other end has not taken yet."""
        connection.unsent = unsent
        if not unsent:
            connection.largest = 0
        if unsent <= BUSY_MODULE and connection.holding:
            self._outbox.read_on(connection)

    def questions(self) -> list[Attaching]:
        """Folders that the shell has to look up, since last asked; each to be answered with `found`."""
        return self._relays.questions()

    def found(self, attaching: Attaching, root: Root, now: float) -> None:
        """The answer to a question. Late ones are ignored."""
        self._relays.found(attaching, root, self._registry.provider, now)

    def deadline(self) -> float | None:
        """When `expire` is next to be called."""
        return self._relays.attaches.deadline()

    def expire(self, now: float) -> None:
        """Give up on attaches that have taken too long."""
        self._relays.expire(now)

    def sessions(self, now: float) -> tuple[Session, ...]:
        """Every route, oldest first."""
        module = self._registry.provider
        return () if module is None else self._routes.sessions(module, now)

    @property
    def dropped(self) -> int:
        """How many frames modules have sent for routes that are gone."""
        return self._routes.dropped

    def counts(self) -> dict[str, int]:
        """What is held now, by name; all but `connections` and `modules` are 0 when no session is attached."""
        return {
            "connections": len(self._connections),
            "modules": len(self._registry),
            "routes": sum(len(one.routes) for one in self._connections if one.manifest is not None),
            "bound": sum(len(one.routes) for one in self._connections if one.manifest is None),
            "channels": len(self._routes.channels),
            "attaching": len(self._relays.attaches),
            "relays": self._relays.attaches.relays,
            "statuses": self._routes.statuses,
            "held": sum(one.held for one in self._connections),
        }

    # Route channels: the path of every request.

    def _from_client(self, client: Connection, frame: Frame, now: float) -> None:
        route = client.routes.get(frame.channel)
        if route is None:
            self._outbox.error(client, frame, codes.UNKNOWN_CHANNEL, f"unknown channel {frame.channel}")
            return
        if frame.kind == GOODBYE:
            self._routes.detach(route, now)
            return
        if frame.kind == CANCEL and route.withdrawn(frame.corr):
            self._outbox.error(client, frame, codes.CANCELLED, "the request was cancelled before it was sent")
            return
        goes = route.goes(frame)
        if goes:
            module = route.module
            self._outbox.write(module, frame.raw)
            if module.unsent > BUSY_MODULE:
                self._hold(client, module, len(frame.raw), now)
        elif goes is None:
            self._outbox.error(client, frame, codes.BACKEND_ERROR, "too much waits on this route; this was not sent")

    def _from_module(self, module: Connection, frame: Frame, now: float) -> None:
        route = module.routes.get(frame.channel)
        if route is None:
            self._routes.dropped += 1
            return
        kind = frame.kind
        if kind == GOODBYE:
            self._routes.lose(route, "the module has ended this route", now)
            return
        client = route.client
        if client.unsent > SLOW_READER and _reads_slowly(client):
            self._cut_off(client, now)
            return
        self._outbox.write(client, frame.raw)
        client.largest = max(client.largest, len(frame.raw))
        if kind in TERMINAL:
            if kind == ERROR:
                route.last_error = frame.body[:ERROR_KEPT]
            for ready in route.ended(frame.corr):
                self._outbox.write(module, ready.raw)

    def _cut_off(self, connection: Connection, now: float) -> None:
        """Hang up on it."""
        self.ended(connection, now)
        self._outbox.touch(connection)

    def _hold(self, client: Connection, module: Connection, sent: int, now: float) -> None:
        """The module does not read as fast as the client sends."""
        module.largest = max(module.largest, sent)
        if module.unsent - module.largest > DEAD_MODULE:
            self._cut_off(module, now)
        else:
            self._outbox.hold(client, module)


def _reads_slowly(connection: Connection) -> bool:
    return connection.unsent - connection.largest > SLOW_READER
