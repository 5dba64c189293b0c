"""memoryd as a backend: the socket by which brokers and our own commands find it, who it is, and what it keeps.

None of it may keep memoryd from its work: what goes wrong is one line in the log, and memoryd goes on without.
"""

from __future__ import annotations

import sys
from asyncio import Event
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from iapeer_memory.broker.backend import LISTENER_FD, AlreadyServed, Backend, Service, bound, launched, service
from iapeer_memory.broker.handle import BackendHandle
from iapeer_memory.broker.identity import ExecutableHashes, describe
from iapeer_memory.broker.serving import Admission, Lane
from iapeer_memory.broker.surroundings import Surroundings, surroundings
from iapeer_memory.broker.wire_v1.frame import Frame
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import LockBusy, ProductError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.host import hostname
from iapeer_memory.memoryd.front import LONGEST_NONCE, as_json
from iapeer_memory.memoryd.health import Identity
from iapeer_memory.memoryd.log import Log
from iapeer_memory.supervise import manifest, outside
from iapeer_memory.supervise.definition import broker_version
from iapeer_memory.supervise.identity import prove

HEALTH_LANE = 0xF1A2
"""Our own lane. Request: a nonce as text, or nothing; response: the JSON of `GET /health`."""
TROUBLE = (ProductError, OSError, UnicodeError)
Health = Callable[[str | None], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Offer:
    """What memoryd offers during one run. `backend`: None where its socket could not be had; `stack` closes it.
    `places`: what it has outside our own folders for that."""

    around: Surroundings
    paths: Paths
    identity: Identity
    backend: Backend | None
    places: tuple[str, ...]
    stack: ExitStack
    log: Log

    async def serve(self, health: Health, *, ready: Awaitable[object]) -> None:
        """Answer until cancelled: who we are at once, the rest when `ready` is done."""
        if self.backend is not None:
            try:
                lanes = {HEALTH_LANE: health_lane(health)}
                await self.backend.serve(lanes, ready=ready, admission=Admission(say=self.log.warn))
            except TROUBLE as error:
                self.log.warn(f"memoryd serves without a socket for brokers: {reason(error)}")
                self.close()
        await Event().wait()

    def tell(self) -> None:
        """Write down what memoryd keeps, and clear up after runs that were killed or had another environment."""
        door, paths, version = self.around.door, self.paths, broker_version(self.identity.version)
        try:
            place = manifest.place(self.around, paths, version)
            outside.record(door.files, paths, [place])
            outside.clear(door, paths, keep=(*self.places, place))
            process, vault = self._process(), self.identity.vault
            made = manifest.manifest(self.around, paths, vault=vault, version=version, process=process)
            manifest.register(self.around, paths, made)
        except TROUBLE as error:
            self.log.warn(f"what memoryd keeps is not registered with brokers: {reason(error)}")

    def close(self) -> None:
        """Take the socket and the claims away; a second time does nothing."""
        try:
            self.stack.close()
        except TROUBLE as error:
            self.log.warn(f"the socket for brokers is left behind: {reason(error)}")

    def _process(self) -> DaemonProcess:
        if self.backend is not None:
            return self.backend.claim().process
        door = self.around.door
        return describe(
            door,
            ExecutableHashes(),
            pid=self.identity.pid,
            endpoint=Endpoint(),
            boot_id=self.around.here.boot_id,
            started_at=door.clock.now(),
        )


@contextmanager
def offered(door: Door, paths: Paths, identity: Identity, *, log: Log) -> Iterator[Offer]:
    """The offer, its socket bound; at the end socket and claims are gone. The caller holds memoryd's lock.

    Raises LockBusy where another memoryd of this state folder serves.
    """
    env = door.processes.environment()
    around = surroundings(door, env, home=paths.home, uid=identity.uid, hostname=hostname(), platform=sys.platform)
    with ExitStack() as stack:
        backend: Backend | None = None
        places: tuple[str, ...] = ()
        try:
            planned = launched(env, plan(paths, around, identity))
            places = outside_of(planned, paths)
            outside.record(door.files, paths, places)
            backend = stack.enter_context(bound(door, planned))
        except AlreadyServed as served:
            refuse_second(door, paths, identity.uid)
            log.warn(f"memoryd serves without a socket for brokers: {served.line()}, by something else")
        except TROUBLE as error:
            log.warn(f"memoryd serves without a socket for brokers: {reason(error)}")
        offer = Offer(around, paths, identity, backend, places, stack.pop_all(), log)
    try:
        yield offer
    finally:
        offer.close()


def plan(paths: Paths, around: Surroundings, identity: Identity) -> Service:
    """What memoryd is without a word from a broker. Raises PathTooLong."""
    version = broker_version(identity.version)
    planned = service(paths.service, around.place, version=version, build=identity.build)
    return replace(planned, sidecars=(*planned.sidecars, paths.daemon_identity))


def outside_of(planned: Service, paths: Paths) -> tuple[str, ...]:
    """What a service makes outside our own folders."""
    return (planned.endpoint.path, *(path for path in planned.sidecars if path != paths.daemon_identity))


def without_listener(env: Mapping[str, str]) -> dict[str, str]:
    """The environment for the next program of this process: what was handed down to it is closed by then."""
    return {name: value for name, value in env.items() if name != LISTENER_FD}


def refuse_second(door: Door, paths: Paths, uid: int) -> None:
    """Refuse where the one that listens on our socket is a memoryd of this state folder. Raises LockBusy."""
    other = prove(door, paths, uid=uid)
    if isinstance(other, BackendHandle):
        other.close()
        raise LockBusy(
            f"another memoryd (pid {other.process.pid}) serves this state folder; {paths.state_dir}",
            remedy="iapeer-memory status shows it",
        )


def health_lane(health: Health) -> Lane:
    """The lane that answers as `GET /health` does."""

    async def answer(frame: Frame) -> bytes:
        nonce = frame.payload.decode("utf-8", "replace")[:LONGEST_NONCE]
        return as_json(health(nonce or None))

    return answer


def reason(error: Exception) -> str:
    """In one line."""
    if isinstance(error, ProductError):
        return error.line()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
