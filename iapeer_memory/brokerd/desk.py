"""Hands every frame to who answers it, and does beside the event loop what takes time: finding, launching, stopping.

Also the broker's own round: once a second it lets go of backends that died, starts again those that crashed, and stops
those that are idle. Decides none of this itself: the router does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from iapeer_memory.broker.handed_over import hand_over
from iapeer_memory.broker.http.endpoints import Endpoints
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.server import admin, keeping
from iapeer_memory.broker.server.admin import About
from iapeer_memory.broker.server.backends import BackendKey, Entry
from iapeer_memory.broker.server.exchange import answer as framed_answer
from iapeer_memory.broker.server.exchange import hello_answer
from iapeer_memory.broker.server.grants import not_up_yet
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.lane import Lane
from iapeer_memory.broker.server.refusals import Refusal
from iapeer_memory.broker.server.screen import Generation, Greeting, Peer
from iapeer_memory.broker.server.starting import Failed, Found, Start
from iapeer_memory.broker.spawn.starter import Starter
from iapeer_memory.broker.wire_v1.control import ErrorCode, HelloReply
from iapeer_memory.broker.wire_v1.frame import ADMIN, BROKER_HTTP, Frame
from iapeer_memory.domain.door import Clock

if TYPE_CHECKING:
    import socket

WORKERS = 8
ROUND_SECONDS = 1.0
STOP_SECONDS = 10.0
PATIENCE_SECONDS = 2.0
"""How long a client of generation 2 waits for a launch: less than its own three seconds."""
OUTCOMES = {number: name.lower() for name, number in vars(ErrorCode).items() if isinstance(number, int)}

T = TypeVar("T")


class Ear(Protocol):
    """Where the answer to one connection goes. `answer(None)`: close without a word."""

    def answer(self, data: bytes | None) -> None: ...
    def refuse(self, data: bytes) -> None: ...
    def answer_and_keep(self, data: bytes) -> socket.socket | None: ...


@dataclass(slots=True)
class Desk:
    """`connections_to`: how many connections are open to a socket's path, None where that cannot be told.

    `warn`: a line for the log. `shut_down`: called with the drain time in milliseconds that the operator named, or
    None. `busy`: what is being found or launched.
    """

    router: Router
    about: About
    lane: Lane
    endpoints: Endpoints
    starter: Starter
    clock: Clock
    connections_to: Callable[[str], int | None]
    warn: Callable[[str], None]
    shut_down: Callable[[int | None], None]
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, "broker"))
    ending: threading.Event = field(default_factory=threading.Event)
    busy: set[BackendKey] = field(default_factory=set)

    def now_ms(self) -> int:
        """Of the monotonic clock."""
        return int(self.clock.monotonic() * 1_000)

    def now_unix_ms(self) -> int:
        """Since the epoch."""
        return int(self.clock.now() * 1_000)

    def take(self, frame: Frame, peer: Peer, generation: Generation, ear: Ear) -> None:
        """Answer a frame, now or when its backend is there."""
        if frame.payload_protocol == ADMIN:
            answered = admin.answer(self.about, frame, self.now_ms(), self.now_unix_ms())
            ear.answer(None if answered is None else framed_answer(frame, encode(answered.reply)))
            if answered is not None and answered.shutdown:
                self.shut_down(answered.drain_ms)
            return
        if frame.payload_protocol == BROKER_HTTP:
            payload = self.lane.answer(frame, peer)
            ear.answer(None if payload is None else framed_answer(frame, payload))
            return
        began = self.clock.monotonic()
        outcome = self.router.answer(frame, peer, generation, int(began * 1_000), self.now_unix_ms())
        if isinstance(outcome, Start):
            self._begin(outcome, lambda said: self._told(frame, said, began, ear))
        else:
            self._told(frame, outcome, began, ear)

    def refused(self, row: Refusal) -> None:
        """Something that came to be a Hello was none."""
        self.about.hellos.ended(OUTCOMES[row.code], 0.0)

    def round(self) -> None:
        """What is due: see above."""
        for start in keeping.recoveries(self.router, self.now_ms()):
            self._begin(start, lambda _: None)
        for entry in keeping.idle(self.router, self.now_ms(), self.connections_to):
            self._stop(entry)
        live = {entry.key.id for entry in self.router.backends.all()}
        self.endpoints.keep(live | {key.id for key in self.busy})

    def close(self) -> None:
        """Give up what is under way. Waits for nothing."""
        self.ending.set()
        self.pool.shutdown(wait=False, cancel_futures=True)
        for entry in self.router.backends.all():
            entry.backend.close()

    def _told(self, frame: Frame, said: HelloReply, began: float, ear: Ear) -> None:
        refused = said.refused
        outcome = "negotiated" if refused is None else OUTCOMES.get(refused.code, "other")
        self.about.hellos.ended(outcome, self.clock.monotonic() - began)
        data = hello_answer(frame, said)
        if said.negotiated is None or not said.negotiated.handle_passed_token:
            ear.answer(data)
            return
        path, token = said.negotiated.backend_pipe, said.negotiated.handle_passed_token
        client = ear.answer_and_keep(data)
        entry = next((one for one in self.router.backends.all() if one.backend.path == path), None)
        if client is not None and entry is not None:
            self._hand_over(client, entry, token)
            return
        self._handed(token, taken=False)
        if client is not None:
            client.close()

    def _begin(self, start: Start, say: Callable[[HelloReply], None]) -> None:
        """Find or launch it beside the loop."""
        loop = asyncio.get_running_loop()
        self.busy.add(start.key)
        if start.definition.http_server is not None:
            self.endpoints.track(start.key.id)
        waiting: list[Callable[[HelloReply], None]] = [say]

        def told(said: HelloReply) -> None:
            if waiting:
                waiting.pop()(said)

        greeting = start.greeting
        patience: asyncio.TimerHandle | None = None
        if greeting is not None and greeting.generation == 2 and start.may_launch:
            patience = loop.call_later(PATIENCE_SECONDS, self._out_of_patience, greeting, told)

        def done(future: Future[Found | Failed | None]) -> None:
            if patience is not None:
                patience.cancel()
            self.busy.discard(start.key)
            said = self._came_of(start, future)
            if said is not None:
                told(said)

        self._beside(lambda: self.starter.run(start, self.ending.is_set), done)

    def _out_of_patience(self, greeting: Greeting, told: Callable[[HelloReply], None]) -> None:
        told(not_up_yet(greeting, broker_version=self.router.version))

    def _came_of(self, start: Start, future: Future[Found | Failed | None]) -> HelloReply | None:
        outcome: Found | Failed | None
        try:
            outcome = future.result()
        except Exception as error:
            outcome = Failed(f"{type(error).__name__}: {error}")
        if isinstance(outcome, Failed):
            self.warn(f"{start.key.id} was not started: {outcome.why}")
        if isinstance(outcome, Found) and outcome.ours:
            self.endpoints.forget_port(start.key.id)
        return self.router.started(start, outcome, self.now_ms(), self.now_unix_ms())

    def _hand_over(self, client: socket.socket, entry: Entry, token: bytes) -> None:
        """Have the backend take the client's connection over; our copy is closed either way."""

        def work() -> bool:
            with client:
                endpoint, service = entry.takes_over, entry.key.service
                return hand_over(client, endpoint, token, service, clock=self.clock, uid=self.lane.uid)

        def done(future: Future[bool]) -> None:
            self._handed(token, taken=future.exception() is None and future.result())

        self._beside(work, done)

    def _handed(self, token: bytes, *, taken: bool) -> None:
        if self.router.handoffs is not None:
            self.router.handoffs.ended(token, self.now_ms(), taken=taken)

    def _stop(self, entry: Entry) -> None:
        def done(future: Future[str | None]) -> None:
            error = future.exception()
            objection = str(error) if error else future.result()
            if objection is not None:
                self.warn(f"{entry.key.id} was not stopped: {objection}")
            keeping.stopped(self.router, entry, objection)
            if objection is None:
                self.starter.finder.records.forget(entry.key)

        self._beside(lambda: entry.backend.stop(STOP_SECONDS), done)

    def _beside(self, work: Callable[[], T], done: Callable[[Future[T]], None]) -> None:
        """Run `work` on a thread and `done` on the loop."""
        loop = asyncio.get_running_loop()

        def handed(future: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done, future)

        self.pool.submit(work).add_done_callback(handed)
