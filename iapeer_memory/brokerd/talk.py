"""Conversations: what is done with the bytes of one connection to the broker's sockets, and to its page.

Each is a few lines between the shell and the rooms that decide. Never reads or writes a socket itself.
"""

from __future__ import annotations

from iapeer_memory.broker.http.exchange import Exchange as HttpExchange
from iapeer_memory.broker.server import refusals
from iapeer_memory.broker.server.exchange import exchange, hello_answer
from iapeer_memory.broker.server.refusals import Refusal
from iapeer_memory.broker.server.screen import Generation, Peer
from iapeer_memory.brokerd.desk import Desk, Ear


class BrokerTalk:
    """One frame from a client of the broker, and its answer."""

    __slots__ = ("_desk", "_ear", "_exchange", "_generation", "_peer")

    def __init__(self, desk: Desk, peer: Peer, generation: Generation, ear: Ear) -> None:
        self._desk = desk
        self._peer = peer
        self._generation = generation
        self._ear = ear
        self._exchange = exchange()

    def received(self, data: bytes) -> bool:
        """Bytes came; False when no more are wanted."""
        found = self._exchange.feed(data)
        if found is None:
            return True
        if isinstance(found, Refusal):
            self._refuse(found)
            return True
        self._desk.take(found, self._peer, self._generation, self._ear)
        return False

    def ended(self) -> None:
        """The client has closed its end early."""
        self._refuse(refusals.INCOMPLETE)

    def late(self) -> None:
        """The deadline has passed, or somebody else needs the place."""
        router = self._desk.router
        pressed = refusals.FD_PRESSURE if router.pressure.demoted else refusals.INCOMPLETE
        self._refuse(refusals.SHUTTING_DOWN if router.draining else pressed)

    def _refuse(self, row: Refusal) -> None:
        self._desk.refused(row)
        self._ear.refuse(hello_answer(None, row.reply()))


class PageTalk:
    """One request to the page."""

    __slots__ = ("_ear", "_exchange")

    def __init__(self, exchange: HttpExchange, ear: Ear) -> None:
        self._exchange = exchange
        self._ear = ear

    def received(self, data: bytes) -> bool:
        """Bytes came; False when no more are wanted."""
        response = self._exchange.feed(data)
        if response is None:
            return True
        self._ear.refuse(response)
        return True

    def ended(self) -> None:
        """Nothing whole was asked."""
        self._ear.answer(None)

    def late(self) -> None:
        """The deadline has passed."""
        self._ear.refuse(self._exchange.timeout())
