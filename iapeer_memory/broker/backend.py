"""What a daemon needs to be found and verified: a socket, its identity, its payload lanes. A whole one is ten lines:

    door = real_door()
    place = place_of(os.environ, platform=sys.platform, uid=os.getuid(), home=os.path.expanduser("~"))

    async def answer(frame: Frame) -> bytes:
        return b"pong:" + frame.payload

    with bound(door, service("echo", place, version="1.0.0")) as backend:
        backend.run({0xF0B7: answer})

The socket is bound before anything else, so that callers queue up while the daemon gets ready; the sidecar follows once
the socket is there and goes when it goes. Never reads a payload.

Source: the running-process broker's brokered backend, and its launch environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from os import getpid
from posixpath import dirname
from typing import TYPE_CHECKING

from iapeer_memory.broker.birth import Birth
from iapeer_memory.broker.host_identity import boot_id
from iapeer_memory.broker.identity import ExecutableHashes, describe
from iapeer_memory.broker.names import (
    BadName,
    Place,
    daemon_identity_file,
    fitting,
    service_identity_file,
    service_socket,
)
from iapeer_memory.broker.private_folder import make_private, why_not_private
from iapeer_memory.broker.serving import Admission, Lanes, Serving
from iapeer_memory.broker.sidecar import Sidecar, remove_sidecar, write_sidecar
from iapeer_memory.broker.validate import endpoint_path, service_name
from iapeer_memory.broker.wire_v1.probe import with_legacy_hash
from iapeer_memory.broker.wire_v1.process import Endpoint
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ConfigError, DaemonFailed, UnsafePath
from iapeer_memory.egress.inherited import inherited_listener
from iapeer_memory.egress.local_sockets import AddressInUse, local_listener, remove_listener

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Awaitable

LISTENER_FD = "RUNNING_PROCESS_BROKER_LISTENER_FD"
BACKEND_PIPE = "RUNNING_PROCESS_BROKER_V1_BACKEND_PIPE"
BACKEND_NAMESPACE = "RUNNING_PROCESS_BROKER_V1_BACKEND_NAMESPACE"


class AlreadyServed(DaemonFailed):
    """Another live process listens there. Whoever meets this ends: it is not needed."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a daemon offers and where. `sidecars`: where it says who it is. `build`: a digest of it, "" for none.

    `idle_timeout`: whole seconds without a client, after which it ends; None: never. `placed`: somebody else chose the
    socket's folder, which is then neither made nor closed. `inherited`: a listener that is bound already, as its
    descriptor.
    """

    name: str
    version: str
    endpoint: Endpoint
    sidecars: tuple[str, ...]
    uid: int
    platform: str
    build: str = ""
    idle_timeout: int | None = None
    placed: bool = False
    inherited: int | None = None


def service(name: str, place: Place, *, version: str, build: str = "", idle_timeout: int | None = None) -> Service:
    """A daemon that clients find by its name, and brokers of generation 2 too. Raises BadName, PathTooLong."""
    endpoint = Endpoint(namespace_id=name, path=service_socket(place, name))
    sidecars = (daemon_identity_file(place, name), service_identity_file(place, name))
    return Service(name, version, endpoint, sidecars, place.uid, place.platform, build, idle_timeout)


def launched(environment: Mapping[str, str], planned: Service) -> Service:
    """The same daemon as whoever launched it wants it: on the endpoint, or the listener, that the environment names.

    Without such words it is as planned. Raises BadName, ConfigError, PathTooLong.
    """
    path = environment.get(BACKEND_PIPE, "")
    if not path:
        return planned
    wrong = endpoint_path(path, platform=planned.platform)
    if wrong is not None:
        raise BadName(f"{BACKEND_PIPE}: {wrong}")
    endpoint = Endpoint(namespace_id=environment.get(BACKEND_NAMESPACE, ""), path=path)
    fitting(path, platform=planned.platform)
    return replace(planned, endpoint=endpoint, placed=True, inherited=_descriptor(environment))


@contextmanager
def bound(door: Door, what: Service, *, hashes: ExecutableHashes | None = None) -> Iterator[Backend]:
    """The daemon, its socket bound; at the end its sidecar and its socket are gone.

    Raises AlreadyServed, BadName, UnsafePath (the folder is not ours alone), OSError.
    """
    wrong = service_name(what.name)
    if wrong is not None:
        raise BadName(f"{what.name!r}: {wrong}")
    path = what.endpoint.path
    if what.inherited is not None:
        listener = inherited_listener(what.inherited, path)
    else:
        _ready_folder(door, what)
        try:
            listener = local_listener(path)
        except AddressInUse:
            raise AlreadyServed(f"{what.name} is served already, on {path}") from None
    backend = Backend(door, what, listener, hashes or ExecutableHashes())
    try:
        yield backend
    finally:
        backend.withdraw()
        with suppress(FileNotFoundError):  # the whole folder has gone
            remove_listener(path, listener)


class Backend:
    """A daemon whose socket is bound. Made by `bound`."""

    __slots__ = ("_claim", "_door", "_hashes", "_listener", "_since", "_what")

    def __init__(self, door: Door, what: Service, listener: socket.socket, hashes: ExecutableHashes) -> None:
        self._door = door
        self._what = what
        self._listener = listener
        self._hashes = hashes
        self._since = door.clock.now()
        self._claim: Sidecar | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return self._what.endpoint

    def claim(self) -> Sidecar:
        """Who we are; told once, then the same. Raises NoIdentity, Unreadable."""
        if self._claim is None:
            what, pid = self._what, getpid()
            boot = boot_id(self._door, platform=what.platform)
            process = describe(
                self._door, self._hashes, pid=pid, endpoint=what.endpoint, boot_id=boot, started_at=self._since,
                idle_timeout=what.idle_timeout,
            )  # fmt: skip
            info = self._door.processes.info(pid)
            self._claim = Sidecar(with_legacy_hash(process), info.started if info else "", what.build)
        return self._claim

    def birth(self) -> Birth:
        """What our own lane answers."""
        claim = self.claim()
        return Birth(started=claim.started, build=claim.build, program=self._what.name, version=self._what.version)

    def announce(self) -> Sidecar:
        """Write the sidecars: from here on we can be found. Raises OSError, UnsafePath, NoIdentity."""
        claim = self.claim()
        for path in self._what.sidecars:
            make_private(self._door.files, dirname(path), self._what.uid)
            write_sidecar(self._door.files, path, claim)
        return claim

    def withdraw(self) -> None:
        """Take our sidecars away, where they are still ours. Raises OSError."""
        if self._claim is not None:
            for path in self._what.sidecars:
                remove_sidecar(self._door.files, path, self._claim)

    async def serve(
        self,
        lanes: Lanes,
        *,
        ready: Awaitable[object] | None = None,
        stop: asyncio.Event | None = None,
        admission: Admission | None = None,
    ) -> None:
        """Serve until `stop` is set, or nobody was there for the idle time.

        Probes are answered at once, payloads once `ready` is done.
        `lanes`: payload protocol → what answers it. Raises ValueError for a protocol that is not to be served, what
        `announce` raises, and what `ready` raises.
        """
        serving = Serving(
            self,
            self._listener,
            lanes,
            admission or Admission(),
            uid=self._what.uid,
            idle_seconds=self._what.idle_timeout,
        )
        await serving.run(ready=ready, stop=stop)

    def run(self, lanes: Lanes, *, admission: Admission | None = None) -> None:
        """Serve, on an event loop of its own, until SIGTERM, SIGINT or SIGHUP. Main thread only; raises as `serve`."""
        import asyncio

        from iapeer_memory.egress.signals import on_stop

        async def served() -> None:
            stop = asyncio.Event()
            with on_stop(asyncio.get_running_loop(), stop.set):
                await self.serve(lanes, stop=stop, admission=admission)

        asyncio.run(served())


def _ready_folder(door: Door, what: Service) -> None:
    """See that the socket's folder is ours alone. Raises UnsafePath, Unreadable, OSError."""
    folder = dirname(what.endpoint.path)
    if not what.placed:
        make_private(door.files, folder, what.uid)
    elif (why := why_not_private(door.files, folder, what.uid)) is not None:
        raise UnsafePath(folder, why.reason, remedy=why.remedy)


def _descriptor(environment: Mapping[str, str]) -> int | None:
    """The number in the environment, None without one. Raises ConfigError."""
    text = environment.get(LISTENER_FD, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or not 2 < int(text[:10]) < 1 << 20:
        raise ConfigError(f"{LISTENER_FD} is not a descriptor: {text!r:.40}")
    return int(text)
