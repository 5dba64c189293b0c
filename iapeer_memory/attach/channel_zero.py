"""Channel 0: what a client and what a module may say to the router itself, and what is done about it. No I/O.

Reads no body of another channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from iapeer_memory.attach import codes, control
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.control import Fault
from iapeer_memory.attach.envelope import (
    ERROR,
    GOODBYE,
    HELLO,
    HELLO_ACK,
    PING,
    PONG,
    PUSH,
    REQUEST,
    RESPONSE,
    TYPE_NAMES,
    Frame,
    Oversized,
    encoded,
)  # fmt: skip
from iapeer_memory.attach.outbox import Outbox
from iapeer_memory.attach.registry import Registry
from iapeer_memory.attach.relays import Relays
from iapeer_memory.attach.route_table import RouteTable

Act: TypeAlias = Callable[[Connection, Frame, float], None]


class ChannelZero:
    """Of a router. A connection is a client until it has said HELLO."""

    __slots__ = ("_by_client", "_by_module", "_outbox", "_registry", "_relays", "_routes")

    def __init__(self, outbox: Outbox, registry: Registry, routes: RouteTable, relays: Relays) -> None:
        self._outbox = outbox
        self._registry = registry
        self._routes = routes
        self._relays = relays
        self._by_client: dict[int, Act] = {
            PING: self._ping,
            HELLO: self._hello,
            GOODBYE: lambda client, _, now: self.client_leaves(client, now),
            REQUEST: self._client_asks,
        }
        self._by_module: dict[int, Act] = {
            PING: self._ping,
            HELLO: self._hello,
            GOODBYE: lambda module, _, now: self.module_leaves(module, now),
            PUSH: self._status_told,
            RESPONSE: relays.answered,
            ERROR: relays.answered,
        }

    def received(self, connection: Connection, frame: Frame, now: float) -> None:
        """A frame on channel 0."""
        act = (self._by_client if connection.manifest is None else self._by_module).get(frame.kind)
        if act is not None:
            act(connection, frame, now)
        else:
            told = f"{TYPE_NAMES[frame.kind]} is not taken on channel 0"
            self._outbox.error(connection, frame, codes.UNSUPPORTED_CONTROL_FRAME, told)

    def client_leaves(self, client: Connection, now: float) -> None:
        """Its routes end, and its attaches."""
        if client.manifest is None:
            for route in list(client.routes.values()):
                self._routes.detach(route, now)
        self._relays.client_gone(client, now)

    def module_leaves(self, module: Connection, now: float) -> None:
        """The sessions that it served hear so. Where it was no module nothing is done."""
        module_id = self._registry.leave(module)
        if module_id is None:
            return
        why = f"module '{module_id}' connection closed"
        self._relays.module_gone(module, why, now)
        for route in list(module.routes.values()):
            self._routes.lose(route, why, now)
        self._outbox.read_on(module)

    def _ping(self, connection: Connection, frame: Frame, now: float) -> None:
        self._outbox.write(connection, encoded(PONG, 0, frame.corr, flags=frame.flags, version=frame.version))

    def _hello(self, connection: Connection, frame: Frame, now: float) -> None:
        hello = control.oversized(frame, codes.INVALID_HELLO) or control.hello(frame.body)
        if isinstance(hello, Fault):
            self._outbox.error(connection, frame, hello.code, hello.message)
            return
        channel = self._registry.register(connection, hello.manifest)
        if isinstance(channel, Fault):
            self._outbox.error(connection, frame, channel.code, channel.message)
            return
        self._outbox.send(connection, HELLO_ACK, 0, frame.corr, control.hello_ack_body(hello.version, channel))

    def _client_asks(self, client: Connection, frame: Frame, now: float) -> None:
        asked = control.oversized(frame, codes.INVALID_ATTACH_REQUEST) or control.asked(frame.body)
        if isinstance(asked, Fault):
            self._outbox.error(client, frame, asked.code, asked.message)
        elif isinstance(asked, control.Poll):
            self._routes.answer(client, frame, asked)
        else:
            self._relays.begin(client, frame, asked, now)

    def _status_told(self, module: Connection, frame: Frame, now: float) -> None:
        told = None if isinstance(frame, Oversized) else control.status_told(frame.body)
        if told is None:
            asked = "a status update holds route_channel and status"
            self._outbox.error(module, frame, codes.INVALID_STATUS_UPDATE, asked)
            return
        channel, status = told
        if channel in module.routes or self._relays.attaches.reserved(module, channel):
            self._routes.tell(channel, status)
        else:
            self._routes.dropped += 1
