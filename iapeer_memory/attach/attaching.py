"""Attaches on their way: from a client's question to a module's answer, with the time that each may take. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iapeer_memory.attach.bodies import Identity
from iapeer_memory.attach.control import Attach
from iapeer_memory.attach.envelope import HIGHEST_CORR

if TYPE_CHECKING:
    from iapeer_memory.attach.connection import Connection

RELAY_SECONDS = 12.0
"""How long a disk may take to find a folder, and after that a module to answer."""


@dataclass(eq=False, slots=True)
class Attaching:
    """One attach. `root_wanted` is what the shell has to look up; `relay`, `channel`: 0 until the module is asked."""

    client: Connection
    corr: int
    attach: Attach
    until: float
    module: Connection | None = None
    channel: int = 0
    relay: int = 0
    settled: bool = False

    @property
    def root_wanted(self) -> str:
        """The folder as the client wrote it."""
        return self.attach.identity.root


class Attaches:
    """All of them. Times are seconds of the router's clock."""

    __slots__ = ("_all", "_last_relay", "_relays")

    def __init__(self) -> None:
        self._all: dict[Attaching, None] = {}
        self._relays: dict[int, Attaching] = {}
        self._last_relay = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def relays(self) -> int:
        """How many wait for a module."""
        return len(self._relays)

    def begin(self, client: Connection, corr: int, attach: Attach, now: float) -> Attaching:
        """A client has asked."""
        one = Attaching(client, corr, attach, now + RELAY_SECONDS)
        client.attaching += 1
        self._all[one] = None
        return one

    def relayed(self, one: Attaching, module: Connection, channel: int, root: str, now: float) -> None:
        """A module is asked about it, with a number of its own."""
        wanted = one.attach
        identity = Identity(root, wanted.identity.harness, wanted.identity.session)
        one.attach = Attach(identity, wanted.tiers, channel)
        one.module, one.channel, one.relay = module, channel, self._next_relay()
        one.until = now + RELAY_SECONDS
        # Last in line again: all wait equally long, so the first in line is always the first to run out.
        self._all[one] = self._all.pop(one)
        self._relays[one.relay] = one

    def settle(self, one: Attaching) -> None:
        """It is decided: nothing of it is pending any more."""
        one.settled = True
        one.client.attaching -= 1
        self._all.pop(one, None)
        self._relays.pop(one.relay, None)

    def asked_of(self, module: Connection, relay: int) -> Attaching | None:
        """The attach that a module may answer under that number."""
        one = self._relays.get(relay)
        return one if one is not None and one.module is module else None

    def reserved(self, module: Connection, channel: int) -> bool:
        """Whether the channel is one that the module is being asked about."""
        return any(one.channel == channel and one.module is module for one in self._relays.values())

    def of_client(self, client: Connection) -> list[Attaching]:
        """What a client waits for."""
        return [one for one in self._all if one.client is client] if client.attaching else []

    def of_module(self, module: Connection) -> list[Attaching]:
        """What a module has not answered."""
        return [one for one in self._relays.values() if one.module is module]

    def deadline(self) -> float | None:
        """When the first one runs out."""
        first = next(iter(self._all), None)
        return None if first is None else first.until

    def overdue(self, now: float) -> Iterator[Attaching]:
        """Those that have run out; each has to be settled before the next is asked for."""
        while (first := next(iter(self._all), None)) is not None and first.until <= now:
            yield first

    def _next_relay(self) -> int:
        self._last_relay = self._last_relay % HIGHEST_CORR + 1
        while self._last_relay in self._relays:
            self._last_relay = self._last_relay % HIGHEST_CORR + 1
        return self._last_relay
