"""A verified daemon in hand: whether it lives, a new connection to it, and its end. Never a pid alone.

The process is held from the moment of proof, so that nobody who gets its number later is mistaken for it or signalled.

Source: the running-process broker's BackendHandle.
"""

from __future__ import annotations

import signal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.probing import PROBE_SECONDS
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.verify import Wanted, ask, unreachable, verify
from iapeer_memory.broker.wire_v1.process import DaemonProcess
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import DaemonFailed
from iapeer_memory.egress.local_sockets import AddressInUse, local_connect, local_listener, remove_listener
from iapeer_memory.egress.pins import Pin

if TYPE_CHECKING:
    import socket

KILL_SECONDS = 5.0


class ShutdownTimeout(DaemonFailed):
    """A daemon was asked to end, and still runs. `pid`: its number."""

    def __init__(self, pid: int, seconds: float) -> None:
        super().__init__(f"pid {pid} still runs {seconds:g} s after it was asked to end")
        self.pid = pid


class BackendHandle:
    """One daemon, proved once. Close it, or use it in a `with`."""

    __slots__ = ("_claim", "_door", "_pin", "_wanted", "replaced")

    def __init__(self, door: Door, claim: Sidecar, wanted: Wanted, held: Pin, *, replaced: bool) -> None:
        self._door = door
        self._claim = claim
        self._wanted = wanted
        self._pin = held
        self.replaced = replaced

    @property
    def process(self) -> DaemonProcess:
        """Who it is."""
        return self._claim.process

    @property
    def build(self) -> str:
        """Its build, "" where it tells none."""
        return self._claim.build

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return self._pin.alive()

    def connect(self, *, seconds: float = PROBE_SECONDS) -> socket.socket | NotThatDaemon:
        """A new blocking stream to it, on which it has answered who it is once more. The caller closes it."""
        if not self.is_alive():
            return NotThatDaemon("NotFound", f"pid {self._pin.pid} has ended")
        deadline = self._door.clock.monotonic() + seconds
        try:
            stream = local_connect(self._wanted.endpoint.path, deadline=deadline)
        except OSError as error:
            return unreachable(self._wanted, error)
        found = ask(self._door, stream, self._claim, self._wanted, deadline=deadline)
        if isinstance(found, NotThatDaemon):
            stream.close()
            return found
        return stream

    def shutdown(self, timeout: float) -> None:
        """Ask it to end, wait, take its dead socket away; one that has ended is no error. Raises ShutdownTimeout."""
        if self._pin.signal(signal.SIGTERM) and not self._pin.wait(timeout):
            raise ShutdownTimeout(self._pin.pid, timeout)
        if self._pin.alive():
            raise ShutdownTimeout(self._pin.pid, 0.0)
        remove_dead_socket(self._door, self._wanted.endpoint.path)

    def force_kill(self) -> bool:
        """Kill it; whether it has ended. Its socket stays: who binds next takes it away."""
        self._pin.signal(signal.SIGKILL)
        return self._pin.wait(KILL_SECONDS)

    def close(self) -> None:
        """Let go of the process; it goes on."""
        self._pin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_handle(
    door: Door, hashes: ExecutableHashes, claim: Sidecar, wanted: Wanted, *, seconds: float = PROBE_SECONDS
) -> BackendHandle | NotThatDaemon:
    """Prove the daemon and hold it."""
    proved = verify(door, hashes, claim, wanted, seconds=seconds)
    if isinstance(proved, NotThatDaemon):
        return proved
    proved.stream.close()
    return BackendHandle(door, claim, wanted, proved.pin, replaced=proved.replaced)


def remove_dead_socket(door: Door, path: str) -> bool:
    """Take a socket file away on which nobody listens; False when there is none, or somebody does. Raises OSError."""
    if door.files.lstat(path) is None:
        return False
    try:
        listener = local_listener(path)
    except AddressInUse:
        return False
    remove_listener(path, listener)
    return True
