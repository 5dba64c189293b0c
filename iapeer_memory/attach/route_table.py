"""Every route that is bound, with its number and its last status; and how a route ends. No I/O.

A route stands in the tables of both its ends or in none.
"""

from __future__ import annotations

from iapeer_memory.attach import bodies, codes
from iapeer_memory.attach.attaching import Attaching
from iapeer_memory.attach.channels import Channels
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.control import Poll
from iapeer_memory.attach.envelope import ERROR, GOODBYE, REQUEST, RESPONSE, Frame
from iapeer_memory.attach.manifest import CREDITS
from iapeer_memory.attach.outbox import Outbox
from iapeer_memory.attach.routes import Route, Session


class RouteTable:
    """All routes of a router, and the numbers that are reserved for some to come."""

    __slots__ = ("_outbox", "_statuses", "channels", "dropped")

    def __init__(self, outbox: Outbox) -> None:
        self.channels = Channels()
        self.dropped = 0
        """Frames of modules for routes that are gone."""
        self._outbox = outbox
        self._statuses: dict[int, str] = {}

    @property
    def statuses(self) -> int:
        """How many are known."""
        return len(self._statuses)

    def sessions(self, module: Connection, now: float) -> tuple[Session, ...]:
        """Every route of a module, oldest first."""
        return tuple(route.session(now, self._statuses.get(route.channel)) for route in module.routes.values())

    def bind(self, attaching: Attaching, now: float) -> None:
        """The module has taken the session on; its number was reserved before."""
        client, module, channel = attaching.client, attaching.module, attaching.channel
        assert module is not None and module.manifest is not None and module.manifest.concurrency is not None
        route = Route(channel, attaching.attach.identity, client, module, CREDITS[module.manifest.concurrency], now)
        client.routes[channel] = module.routes[channel] = route

    def release(self, channel: int, now: float) -> None:
        """Nobody uses the number any more."""
        self._statuses.pop(channel, None)
        self.channels.release(channel, now)

    def tell(self, channel: int, status: str) -> None:
        """A module's word on a route, or on one that it is being asked about."""
        self._statuses[channel] = status

    def answer(self, client: Connection, frame: Frame, poll: Poll) -> None:
        """What a client asks of a route of its own."""
        bound = poll.channel in client.routes
        if poll.op == "liveness":
            self._outbox.send(client, RESPONSE, 0, frame.corr, bodies.liveness_reply(bound))
        elif bound and poll.channel in self._statuses:
            self._outbox.send(client, RESPONSE, 0, frame.corr, bodies.status_reply(self._statuses[poll.channel]))
        else:
            told = f"no status is known of channel {poll.channel}"
            self._outbox.error(client, frame, codes.STATUS_UNAVAILABLE, told)

    def detach(self, route: Route, now: float) -> None:
        """The client is done with it."""
        self._unbind(route, now)
        self._outbox.send(route.module, REQUEST, 0, 0, bodies.route_named(route.channel))

    def lose(self, route: Route, why: str, now: float) -> None:
        """The module is done with it, or is gone."""
        self._unbind(route, now)
        for corr in route.owed():
            self._outbox.send(route.client, ERROR, route.channel, corr, bodies.error_body(codes.BACKEND_ERROR, why))
        self._outbox.send(route.client, GOODBYE, route.channel, 0)

    def _unbind(self, route: Route, now: float) -> None:
        del route.client.routes[route.channel]
        del route.module.routes[route.channel]
        self.release(route.channel, now)
