"""From a Hello to a backend: the router. It decides; starting, stopping and waiting are done by whoever calls it.

`answer` gives a reply, or a Start: the caller then finds or launches the backend and comes back with `started`. Every
row of the refusal table is tried in its order. One router serves all sockets of a broker, so that its limiter, its
budget and its ids are one each. Times are milliseconds: `now_ms` of a monotonic clock, `now_unix_ms` since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from iapeer_memory.broker.server import refusals
from iapeer_memory.broker.server.backends import BackendKey, Backends, Entry
from iapeer_memory.broker.server.connections import Connections
from iapeer_memory.broker.server.events import Recent
from iapeer_memory.broker.server.grants import granted
from iapeer_memory.broker.server.handoff import ENDPOINT_LABEL, Handoffs
from iapeer_memory.broker.server.instance import Unresolvable, instance_of
from iapeer_memory.broker.server.pressure import FdPressure
from iapeer_memory.broker.server.rate import RateLimiter
from iapeer_memory.broker.server.refusals import Refusal
from iapeer_memory.broker.server.screen import Generation, Greeting, Peer, hello_in, shape_objection, version_objection
from iapeer_memory.broker.server.starting import Failed, Found, Start
from iapeer_memory.broker.server.tokens import SessionTokens
from iapeer_memory.broker.spawn.budget import SingleFlight, SpawnBudget, Taken
from iapeer_memory.broker.spawn.recovery import Recovery
from iapeer_memory.broker.wire_v1.control import HelloReply
from iapeer_memory.broker.wire_v1.frame import Frame
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.errors import ProductError

Definitions = Callable[[str], ServiceDefinition | None]
"""The definition of a service as it is on disk now; None where there is none. Raises ProductError for a broken one."""
ExeHash = Callable[[str], str]
"""The hash of a program file as it is on disk now, as hex; empty where it cannot be read."""


@dataclass(slots=True)
class Router:
    """What a broker knows and by which rules it answers.

    `launches` False: backends are found, never started. `tokens` None: sessions bear no tokens.
    `handoffs` None: no connection is handed to a backend. `crashed`: backends of ours whose end is not dealt with yet.
    """

    definitions: Definitions
    exe_hash: ExeHash
    version: str
    launches: bool = True
    tokens: SessionTokens | None = None
    handoffs: Handoffs | None = None
    rate: RateLimiter = field(default_factory=RateLimiter)
    budget: SpawnBudget[BackendKey] = field(default_factory=SpawnBudget[BackendKey])
    recovery: Recovery[BackendKey] = field(default_factory=Recovery[BackendKey])
    flight: SingleFlight[BackendKey] = field(default_factory=SingleFlight[BackendKey])
    backends: Backends = field(default_factory=Backends)
    connections: Connections = field(default_factory=Connections)
    pressure: FdPressure = field(default_factory=FdPressure)
    draining: bool = False
    crashed: list[Entry] = field(default_factory=list)
    events: Recent = field(default_factory=lambda: Recent(lambda: 0))

    @property
    def accepting(self) -> bool:
        """Whether Hellos are served now."""
        return not self.draining and not self.pressure.demoted

    def answer(
        self, frame: Frame, peer: Peer, generation: Generation, now_ms: int, now_unix_ms: int
    ) -> HelloReply | Start:
        """The reply to a frame that came to be a Hello, or what has to happen first."""
        if self.draining:
            return refusals.SHUTTING_DOWN.reply()
        if self.pressure.demoted:
            return refusals.FD_PRESSURE.reply()
        greeting = hello_in(frame, peer, generation)
        if isinstance(greeting, Refusal):
            return greeting.reply()
        row = shape_objection(greeting)
        if row is not None:
            return greeting.said(row)
        return self._admit(greeting, now_ms, now_unix_ms)

    def started(self, start: Start, outcome: Found | Failed | None, now_ms: int, now_unix_ms: int) -> HelloReply | None:
        """What came of a Start: the reply for whoever waits. None: it was not found, and may not be launched."""
        self.flight.end(start.key)
        if not isinstance(outcome, Found):
            self.forget_token(start.key)
        if isinstance(outcome, Found):
            self.budget.succeeded(start.key)
            entry = self.backends.add(start.key, outcome.backend, now_ms, now_unix_ms, ours=outcome.ours)
            self.events.add("SPAWN", start.key, entry.backend.pid, "launched" if entry.ours else "found")
            entry.takes_over = start.definition.labels.get(ENDPOINT_LABEL, "")
            if start.greeting is None:
                return None
            return self._grant(start.greeting, entry, now_ms, now_unix_ms)
        if outcome is not None:
            self.events.add("SPAWN_ATTEMPT", start.key, reason=outcome.why)
        if start.greeting is None:
            return None
        said = start.greeting.said
        if outcome is None:
            return self._not_launched(start)
        if outcome.mismatch:
            return said(refusals.NOT_AS_ASKED)
        return said(refusals.LAUNCH_FAILED, detail=outcome.why)

    def _admit(self, greeting: Greeting, now_ms: int, now_unix_ms: int) -> HelloReply | Start:
        """Rows that look at the service."""
        try:
            definition = self.definitions(greeting.hello.service_name)
        except ProductError as error:
            return greeting.said(refusals.BAD_DEFINITION, detail=error.reason)
        if definition is None:
            return greeting.said(refusals.NO_DEFINITION)
        no = version_objection(greeting, definition)
        if no is not None:
            return no
        try:
            instance = instance_of(definition)
        except Unresolvable as error:
            return greeting.said(refusals.ISOLATION, detail=str(error))
        hello = greeting.hello
        key = BackendKey(instance, hello.service_name, hello.wanted_version, self.exe_hash(definition.binary_path))
        self.prune()
        entry = self.backends.get(key)
        if entry is not None and not entry.quiesced:
            return self._grant(greeting, entry, now_ms, now_unix_ms)
        return self._start(greeting, key, definition, now_ms)

    def _start(
        self, greeting: Greeting, key: BackendKey, definition: ServiceDefinition, now_ms: int
    ) -> HelloReply | Start:
        """Rows that keep a backend from being started, short of the attempt itself."""
        if key in self.flight:
            return greeting.said(refusals.IN_FLIGHT)
        make = partial(Start, key, definition, greeting=greeting)
        if not self.launches:
            self.flight.begin(key)
            return make(Taken(False), may_launch=False)
        delay_ms, down_ms = self._aftermath(key, now_ms)
        taken = Taken(False, down_ms) if down_ms else self.budget.take(key, now_ms)
        if taken.storm and self.tokens is not None:
            self.tokens.rotate()
        self.flight.begin(key)
        return make(taken, may_launch=taken.granted, delay_ms=delay_ms, token=self.new_token(key))

    def new_token(self, key: BackendKey) -> bytes:
        """Of the sessions that a new life of that backend will have; b"" where they bear none."""
        return b"" if self.tokens is None else self.tokens.register(key.id)

    def forget_token(self, key: BackendKey) -> None:
        """Sessions with that backend are over, unless another build of the same version goes by its name."""
        if self.tokens is not None and all(one.key.id != key.id for one in self.backends.all()):
            self.tokens.forget(key.id)

    def _not_launched(self, start: Start) -> HelloReply | None:
        assert start.greeting is not None
        if not self.launches:
            return start.greeting.said(refusals.NO_LAUNCHER)
        return start.greeting.said(refusals.NO_BUDGET, retry_after_ms=start.taken.retry_after_ms)

    def _aftermath(self, key: BackendKey, now_ms: int) -> tuple[int, int]:
        """(wait so long before the start, it stays down so long) after crashes of that backend."""
        for entry in self.crashed:
            if entry.key == key:
                self.crashed.remove(entry)
                crash = self.recovery.crashed(key, now_ms)
                return crash.retry_ms or 0, crash.refuse_ms
        return 0, self.recovery.refused_for(key, now_ms)

    def _grant(self, greeting: Greeting, entry: Entry, now_ms: int, now_unix_ms: int) -> HelloReply:
        """The last rows, and yes."""
        hello = greeting.hello
        wait_ms = self.rate.take(greeting.peer.pid, now_ms)
        if wait_ms:
            return greeting.said(refusals.RATE, retry_after_ms=wait_ms)
        if self.backends.get(entry.key) is not entry:
            return greeting.said(refusals.NO_HANDLER)
        if hello.auth_token and self.tokens is not None:
            objection = self.tokens.objection(entry.key.id, hello.auth_token)
            if objection is not None:
                return greeting.said(refusals.TOKEN, detail=objection)
        entry.active_ms, entry.active_unix_ms = now_ms, now_unix_ms
        entry.hellos += 1
        own_id = self.connections.next_id()
        token = b""
        if self.handoffs is not None and greeting.generation == 1:
            token = self.handoffs.offer(entry.takes_over, hello.client_capabilities, now_ms)
        return granted(greeting, entry, connection_id=own_id, broker_version=self.version, token=token)

    def prune(self) -> None:
        """Let go of backends whose process has ended; those of ours that nobody stopped have crashed."""
        for entry in self.backends.gone():
            self.forget_token(entry.key)
            self.events.add("DIED_CRASH", entry.key, entry.backend.pid)
            if entry.ours:
                self.crashed.append(entry)
