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

from collections.abc import Callable
from typing import TypeAlias

from iapeer_memory.attach import bodies, codes, control, envelope
from iapeer_memory.attach.attaching import RELAY_SECONDS, Attaches, Attaching
from iapeer_memory.attach.channels import Channels
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.control import Fault
from iapeer_memory.attach.envelope import CANCEL, ERROR, GOODBYE, REQUEST, TERMINAL, Frame, Oversized, encoded
from iapeer_memory.attach.identity import Root
from iapeer_memory.attach.manifest import CREDITS
from iapeer_memory.attach.registry import Registry
from iapeer_memory.attach.routes import Route, Session

MOST_ATTACHING = 32
SLOW_READER = 8 << 20
"""Bytes a client may leave unread before it is cut off."""
BUSY_MODULE = 1 << 20
"""Bytes a module may leave unread before those who send to it are held."""
DEAD_MODULE = 64 << 20
"""Bytes a module may leave unread before it is cut off."""
ERROR_KEPT = 512

Act: TypeAlias = Callable[[Connection, Frame, float], None]
"""What is done about a frame on channel 0."""


class Router:
    """The one daemon of a user, for all its sessions. Times are seconds of the shell's clock."""

    def __init__(self) -> None:
        self.touched: dict[Connection, None] = {}
        """Connections with something to write, or to close, or to hold or read on."""
        self.questions: list[Attaching] = []
        """Folders that the shell has to look up, each to be answered with `found`."""
        self.dropped = 0
        """Frames of modules for routes that are gone."""
        self._connections: dict[Connection, None] = {}
        self._registry = Registry()
        self._channels = Channels()
        self._attaches = Attaches()
        self._status: dict[int, str] = {}
        both = {envelope.PING: self._ping, envelope.HELLO: self._hello}
        self._by_client: dict[int, Act] = {**both, GOODBYE: self._client_leaves, REQUEST: self._client_asks}
        self._by_module: dict[int, Act] = {**both, GOODBYE: self._module_leaves, envelope.PUSH: self._status_told}
        self._by_module |= dict.fromkeys((envelope.RESPONSE, ERROR), self._relay_answered)

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
            if not frame.channel:
                self._control(connection, frame, now)
            elif connection.manifest is None:
                self._from_client(connection, frame, now)
            else:
                self._from_module(connection, frame, now)
        if reader.error is not None:
            self._cut_off(connection, now)

    def ended(self, connection: Connection, now: float) -> None:
        """Nothing more will come from there, nor go. To be called once for every connection, however it ended."""
        connection.closed = True
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._release_module(connection, now)
        self._release_client(connection, now)
        if connection.held:
            for one in self._registry.connections():
                one.holding.discard(connection)

    def wrote(self, connection: Connection, unsent: int) -> None:
        """What it had to send has been handed over; so much of it the other end has not taken yet."""
        connection.unsent = unsent
        if not unsent:
            connection.largest = 0
        if unsent <= BUSY_MODULE and connection.holding:
            self._read_on(connection)

    def found(self, attaching: Attaching, root: Root, now: float) -> None:
        """The answer to a question. Late ones are ignored."""
        if attaching.settled:
            return
        if root.refused:
            self._refuse(attaching, codes.INVALID_PROJECT_ROOT, root.refused)
            return
        module = self._registry.provider
        if module is None:
            self._refuse(attaching, codes.MODULE_UNAVAILABLE, "no module connection is registered")
            return
        channel = self._channels.take(now)
        if channel is None:
            self._refuse(attaching, codes.FORWARDING_ERROR, "every channel is in use")
            return
        self._attaches.relayed(attaching, module, channel, root.path, now)
        attach = attaching.attach
        self._send(module, REQUEST, 0, attaching.relay, bodies.attach_relay(channel, attach.identity, attach.tiers))

    def deadline(self) -> float | None:
        """When `expire` is next to be called."""
        return self._attaches.deadline()

    def expire(self, now: float) -> None:
        """Give up on attaches that have taken too long."""
        for one in self._attaches.overdue(now):
            if one.relay:
                self._abandon(one, now)
                self._refuse(one, codes.MODULE_TIMEOUT, f"the module did not answer within {RELAY_SECONDS:.0f} s")
            else:
                told = f"project root was not found within {RELAY_SECONDS:.0f} s"
                self._refuse(one, codes.INVALID_PROJECT_ROOT, told)

    def sessions(self, now: float) -> tuple[Session, ...]:
        """Every route, oldest first."""
        module = self._registry.provider
        routes = () if module is None else module.routes.values()
        return tuple(route.session(now, self._status.get(route.channel)) for route in routes)

    def counts(self) -> dict[str, int]:
        """What is held now, by name; all but `connections` and `modules` are 0 when no session is attached."""
        return {
            "connections": len(self._connections),
            "modules": len(self._registry),
            "routes": sum(len(one.routes) for one in self._connections if one.manifest is not None),
            "bound": sum(len(one.routes) for one in self._connections if one.manifest is None),
            "channels": len(self._channels),
            "attaching": len(self._attaches),
            "relays": self._attaches.relays,
            "statuses": len(self._status),
            "held": sum(one.held for one in self._connections),
        }

    # Route channels: the path of every request.

    def _from_client(self, client: Connection, frame: Frame, now: float) -> None:
        route = client.routes.get(frame.channel)
        if route is None:
            self._error(client, frame, codes.UNKNOWN_CHANNEL, f"unknown channel {frame.channel}")
            return
        if frame.kind == GOODBYE:
            self._detach(route, now)
            return
        if frame.kind == CANCEL and route.withdrawn(frame.corr):
            self._error(client, frame, codes.CANCELLED, "the request was cancelled before it was sent")
            return
        goes = route.goes(frame)
        if goes:
            module = route.module
            self._write(module, frame.raw)
            if module.unsent > BUSY_MODULE:
                self._hold(client, module, len(frame.raw), now)
        elif goes is None:
            self._error(client, frame, codes.BACKEND_ERROR, "too much waits on this route; this was not sent")

    def _from_module(self, module: Connection, frame: Frame, now: float) -> None:
        route = module.routes.get(frame.channel)
        if route is None:
            self.dropped += 1
            return
        kind = frame.kind
        if kind == GOODBYE:
            self._lose(route, "the module has ended this route", now)
            return
        client = route.client
        if client.unsent > SLOW_READER and client.unsent - client.largest > SLOW_READER:
            self._cut_off(client, now)
            return
        self._write(client, frame.raw)
        client.largest = max(client.largest, len(frame.raw))
        if kind in TERMINAL:
            if kind == ERROR:
                route.last_error = frame.body[:ERROR_KEPT]
            for ready in route.ended(frame.corr):
                self._write(module, ready.raw)

    # Channel 0.

    def _control(self, connection: Connection, frame: Frame, now: float) -> None:
        if connection.unsent - connection.largest > SLOW_READER and connection.manifest is None:
            self._cut_off(connection, now)
            return
        table = self._by_client if connection.manifest is None else self._by_module
        act = table.get(frame.kind)
        if act is None:
            name = envelope.TYPE_NAMES[frame.kind]
            self._error(connection, frame, codes.UNSUPPORTED_CONTROL_FRAME, f"{name} is not taken on channel 0")
            return
        act(connection, frame, now)

    def _ping(self, connection: Connection, frame: Frame, now: float) -> None:
        self._write(connection, encoded(envelope.PONG, 0, frame.corr, flags=frame.flags, version=frame.version))

    def _hello(self, connection: Connection, frame: Frame, now: float) -> None:
        hello = control.oversized(frame, codes.INVALID_HELLO) or control.hello(frame.body)
        if isinstance(hello, Fault):
            self._error(connection, frame, hello.code, hello.message)
            return
        channel = self._registry.register(connection, hello.manifest)
        if isinstance(channel, Fault):
            self._error(connection, frame, channel.code, channel.message)
            return
        self._send(connection, envelope.HELLO_ACK, 0, frame.corr, control.hello_ack_body(hello.version, channel))

    def _client_leaves(self, client: Connection, frame: Frame, now: float) -> None:
        self._release_client(client, now)

    def _module_leaves(self, module: Connection, frame: Frame, now: float) -> None:
        self._release_module(module, now)

    def _client_asks(self, client: Connection, frame: Frame, now: float) -> None:
        asked = control.oversized(frame, codes.INVALID_ATTACH_REQUEST) or control.asked(frame.body)
        if isinstance(asked, Fault):
            self._error(client, frame, asked.code, asked.message)
        elif isinstance(asked, control.Poll):
            self._answer_poll(client, frame, asked)
        elif client.attaching >= MOST_ATTACHING:
            self._error(client, frame, codes.FORWARDING_ERROR, f"{MOST_ATTACHING} attaches are under way already")
        else:
            self.questions.append(self._attaches.begin(client, frame.corr, asked, now))

    def _answer_poll(self, client: Connection, frame: Frame, poll: control.Poll) -> None:
        bound = poll.channel in client.routes
        if poll.op == "liveness":
            self._send(client, envelope.RESPONSE, 0, frame.corr, bodies.liveness_reply(bound))
        elif bound and poll.channel in self._status:
            self._send(client, envelope.RESPONSE, 0, frame.corr, bodies.status_reply(self._status[poll.channel]))
        else:
            self._error(client, frame, codes.STATUS_UNAVAILABLE, f"no status is known of channel {poll.channel}")

    def _status_told(self, module: Connection, frame: Frame, now: float) -> None:
        told = None if isinstance(frame, Oversized) else control.status_told(frame.body)
        if told is None:
            self._error(module, frame, codes.INVALID_STATUS_UPDATE, "a status update holds route_channel and status")
            return
        channel, status = told
        if channel in module.routes or self._attaches.reserved(module, channel):
            self._status[channel] = status
        else:
            self.dropped += 1

    def _relay_answered(self, module: Connection, frame: Frame, now: float) -> None:
        attaching = self._attaches.asked_of(module, frame.corr)
        if attaching is None:
            return
        large = isinstance(frame, Oversized)
        if frame.kind == ERROR:
            if large or control.error_of(frame.body) is None:
                told = "an error holds the texts code and message"
                self._malformed(attaching, frame, codes.INVALID_RELAY_ERROR, told, now)
                return
            body = frame.body
            self._release_reservation(attaching, now)
            self._attaches.settle(attaching)
            self._send(attaching.client, ERROR, 0, attaching.corr, body)
            return
        accepted = None if large else control.accepted(frame.body)
        if accepted is None:
            told = "an answer to an attach holds accept, true or false"
            self._malformed(attaching, frame, codes.INVALID_RELAY_RESPONSE, told, now)
        elif accepted:
            self._bind(attaching, now)
        else:
            self._release_reservation(attaching, now)
            self._refuse(attaching, codes.CONFIG_DIVERGENCE, "module rejected AttachRelay")

    def _bind(self, attaching: Attaching, now: float) -> None:
        client, module, channel = attaching.client, attaching.module, attaching.channel
        assert module is not None and module.manifest is not None and module.manifest.concurrency is not None
        route = Route(channel, attaching.attach.identity, client, module, CREDITS[module.manifest.concurrency], now)
        client.routes[channel] = module.routes[channel] = route
        self._attaches.settle(attaching)
        self._send(client, envelope.RESPONSE, 0, attaching.corr, bodies.route_named(channel))

    def _malformed(self, attaching: Attaching, frame: Frame, code: str, told: str, now: float) -> None:
        assert attaching.module is not None
        self._error(attaching.module, frame, code, told)
        self._abandon(attaching, now)
        self._refuse(attaching, code, f"the module's answer is malformed: {told}")

    # Ends of attaches.

    def _refuse(self, attaching: Attaching, code: str, message: str) -> None:
        self._attaches.settle(attaching)
        self._send(attaching.client, ERROR, 0, attaching.corr, bodies.error_body(code, message))

    def _abandon(self, attaching: Attaching, now: float) -> None:
        """The module may think that it holds this route, or will: tell it that it does not."""
        if attaching.module is not None:
            self._send(attaching.module, REQUEST, 0, 0, bodies.route_named(attaching.channel))
            self._release_reservation(attaching, now)

    def _release_reservation(self, attaching: Attaching, now: float) -> None:
        self._status.pop(attaching.channel, None)
        self._channels.release(attaching.channel, now)

    # Ends of routes and connections.

    def _detach(self, route: Route, now: float) -> None:
        """The client is done with it."""
        self._unbind(route, now)
        self._send(route.module, REQUEST, 0, 0, bodies.route_named(route.channel))

    def _lose(self, route: Route, why: str, now: float) -> None:
        """The module is done with it, or is gone."""
        self._unbind(route, now)
        for corr in route.owed():
            self._send(route.client, ERROR, route.channel, corr, bodies.error_body(codes.BACKEND_ERROR, why))
        self._send(route.client, GOODBYE, route.channel, 0)

    def _unbind(self, route: Route, now: float) -> None:
        del route.client.routes[route.channel]
        del route.module.routes[route.channel]
        self._status.pop(route.channel, None)
        self._channels.release(route.channel, now)

    def _release_client(self, client: Connection, now: float) -> None:
        if client.manifest is None:
            for route in list(client.routes.values()):
                self._detach(route, now)
        for attaching in self._attaches.of_client(client):
            self._abandon(attaching, now)
            self._attaches.settle(attaching)

    def _release_module(self, module: Connection, now: float) -> None:
        module_id = self._registry.leave(module)
        if module_id is None:
            return
        why = f"module '{module_id}' connection closed"
        for attaching in self._attaches.of_module(module):
            self._release_reservation(attaching, now)
            self._refuse(attaching, codes.MODULE_UNAVAILABLE, f"{why} during attach relay")
        for route in list(module.routes.values()):
            self._lose(route, why, now)
        self._read_on(module)

    def _cut_off(self, connection: Connection, now: float) -> None:
        """Hang up on it."""
        self.ended(connection, now)
        self.touched[connection] = None

    # What goes out.

    def _hold(self, client: Connection, module: Connection, sent: int, now: float) -> None:
        module.largest = max(module.largest, sent)
        if module.unsent - module.largest > DEAD_MODULE:
            self._cut_off(module, now)
            return
        client.held = True
        module.holding.add(client)
        self.touched[client] = None

    def _read_on(self, module: Connection) -> None:
        for client in module.holding:
            client.held = False
            self.touched[client] = None
        module.holding.clear()

    def _error(self, connection: Connection, frame: Frame, code: str, message: str) -> None:
        """Answer a frame with an ERROR."""
        self._send(connection, ERROR, frame.channel, frame.corr, bodies.error_body(code, message))

    def _send(self, connection: Connection, kind: int, channel: int, corr: int, body: bytes = b"") -> None:
        self._write(connection, encoded(kind, channel, corr, body))

    def _write(self, connection: Connection, raw: bytes) -> None:
        if not connection.closed:
            connection.out.append(raw)
            connection.unsent += len(raw)
            self.touched[connection] = None
