"""From a client's attach to a bound route or a refusal: the folder is looked up, then the module asked. No I/O.

Every attach is answered exactly once, and a number that was reserved for it is bound or released.
"""

from __future__ import annotations

from iapeer_memory.attach import bodies, codes, control
from iapeer_memory.attach.attaching import RELAY_SECONDS, Attaches, Attaching
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.control import Attach
from iapeer_memory.attach.envelope import ERROR, REQUEST, RESPONSE, Frame, Oversized
from iapeer_memory.attach.identity import Root
from iapeer_memory.attach.outbox import Outbox
from iapeer_memory.attach.route_table import RouteTable

MOST_ATTACHING = 32


class Relays:
    """All attaches of a router that are under way."""

    __slots__ = ("_outbox", "_questions", "_routes", "attaches")

    def __init__(self, outbox: Outbox, routes: RouteTable) -> None:
        self.attaches = Attaches()
        self._outbox = outbox
        self._routes = routes
        self._questions: list[Attaching] = []

    def questions(self) -> list[Attaching]:
        """Folders that the shell has to look up, since last asked; each to be answered with `found`."""
        questions, self._questions = self._questions, []
        return questions

    def begin(self, client: Connection, frame: Frame, attach: Attach, now: float) -> None:
        """A client asks for a route."""
        if client.attaching >= MOST_ATTACHING:
            told = f"{MOST_ATTACHING} attaches are under way already"
            self._outbox.error(client, frame, codes.FORWARDING_ERROR, told)
        else:
            self._questions.append(self.attaches.begin(client, frame.corr, attach, now))

    def found(self, one: Attaching, root: Root, module: Connection | None, now: float) -> None:
        """The folder has been looked up: ask the module. Late answers are ignored."""
        if one.settled:
            return
        if root.refused:
            self._refuse(one, codes.INVALID_PROJECT_ROOT, root.refused)
            return
        if module is None:
            self._refuse(one, codes.MODULE_UNAVAILABLE, "no module connection is registered")
            return
        channel = self._routes.channels.take(now)
        if channel is None:
            self._refuse(one, codes.FORWARDING_ERROR, "every channel is in use")
            return
        self.attaches.relayed(one, module, channel, root.path, now)
        body = bodies.attach_relay(channel, one.attach.identity, one.attach.tiers)
        self._outbox.send(module, REQUEST, 0, one.relay, body)

    def answered(self, module: Connection, frame: Frame, now: float) -> None:
        """The module has said something about an attach; about none that waits, it is ignored."""
        one = self.attaches.asked_of(module, frame.corr)
        if one is None:
            return
        large = isinstance(frame, Oversized)
        if frame.kind == ERROR:
            if large or control.error_of(frame.body) is None:
                told = "an error holds the texts code and message"
                self._malformed(one, module, frame, codes.INVALID_RELAY_ERROR, told, now)
                return
            self._routes.release(one.channel, now)
            self.attaches.settle(one)
            self._outbox.send(one.client, ERROR, 0, one.corr, frame.body)
            return
        accepted = None if large else control.accepted(frame.body)
        if accepted is None:
            told = "an answer to an attach holds accept, true or false"
            self._malformed(one, module, frame, codes.INVALID_RELAY_RESPONSE, told, now)
        elif accepted:
            self._routes.bind(one, now)
            self.attaches.settle(one)
            self._outbox.send(one.client, RESPONSE, 0, one.corr, bodies.route_named(one.channel))
        else:
            self._routes.release(one.channel, now)
            self._refuse(one, codes.CONFIG_DIVERGENCE, "module rejected AttachRelay")

    def expire(self, now: float) -> None:
        """Give up on attaches that have taken too long."""
        for one in self.attaches.overdue(now):
            if one.relay:
                self._abandon(one, now)
                self._refuse(one, codes.MODULE_TIMEOUT, f"the module did not answer within {RELAY_SECONDS:.0f} s")
            else:
                told = f"project root was not found within {RELAY_SECONDS:.0f} s"
                self._refuse(one, codes.INVALID_PROJECT_ROOT, told)

    def client_gone(self, client: Connection, now: float) -> None:
        """Nobody waits for its attaches any more."""
        for one in self.attaches.of_client(client):
            self._abandon(one, now)
            self.attaches.settle(one)

    def module_gone(self, module: Connection, why: str, now: float) -> None:
        """It will answer no attach any more."""
        for one in self.attaches.of_module(module):
            self._routes.release(one.channel, now)
            self._refuse(one, codes.MODULE_UNAVAILABLE, f"{why} during attach relay")

    def _malformed(
        self, one: Attaching, module: Connection, frame: Frame, code: str, told: str, now: float
    ) -> None:  # fmt: skip
        self._outbox.error(module, frame, code, told)
        self._abandon(one, now)
        self._refuse(one, code, f"the module's answer is malformed: {told}")

    def _refuse(self, one: Attaching, code: str, message: str) -> None:
        self.attaches.settle(one)
        self._outbox.send(one.client, ERROR, 0, one.corr, bodies.error_body(code, message))

    def _abandon(self, one: Attaching, now: float) -> None:
        """The module may think that it holds this route, or will: tell it that it does not."""
        if one.module is not None:
            self._outbox.send(one.module, REQUEST, 0, 0, bodies.route_named(one.channel))
            self._routes.release(one.channel, now)
