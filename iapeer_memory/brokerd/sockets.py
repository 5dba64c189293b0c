"""The two sockets of a broker, one a generation: bound as the only one, in private folders, taken away at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iapeer_memory.broker import names
from iapeer_memory.broker.private_folder import make_private
from iapeer_memory.brokerd.ground import Ground
from iapeer_memory.brokerd.options import Options
from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import DaemonFailed
from iapeer_memory.egress.local_sockets import AddressInUse, local_listener, remove_listener

if TYPE_CHECKING:
    import socket


LOOKS, LOOK_SECONDS = 5, 0.05
BACKLOG = 1_024
"""Clients that may wait to be accepted; the system may have a lower limit."""


class AlreadyServing(DaemonFailed):
    """Another broker listens there."""

    exit_code = 75


@dataclass(frozen=True, slots=True)
class Sockets:
    """The two that it serves, bound. `leave`: close them and take their files away; again is no error. `there`: whether
    clients still find them: a login's folder goes with its last session."""

    first: socket.socket
    first_path: str
    second: socket.socket
    second_path: str
    leave: Callable[[], None]
    there: Callable[[], bool]


@contextmanager
def bound(files: Files, clock: Clock, ground: Ground, options: Options) -> Iterator[Sockets]:
    """Both sockets, in private folders, taken away at the end. Raises ProductError, OSError."""
    place = ground.place
    first_path = names.v1_socket(place, options.leaf(ground.user))
    second_path = names.v2_socket(place, names.v2_name(options.program, ground.user))
    for folder in (names.v1_folder(place), names.v2_folder(place)):
        make_private(files, folder, place.uid)
    with ExitStack() as stack:
        first = _bind(first_path, stack, clock)
        second = _bind(second_path, stack, clock)
        marks = {path: _inode(files, path) for path in (first_path, second_path)}

        def there() -> bool:
            return all(_inode(files, path) == mark for path, mark in marks.items())

        yield Sockets(first, first_path, second, second_path, stack.close, there)


def _bind(path: str, stack: ExitStack, clock: Clock) -> socket.socket:
    """A broker that was killed in the middle of a launch is survived for a moment by a child that holds its sockets."""
    for look in range(LOOKS):
        try:
            listener = local_listener(path, backlog=BACKLOG)
        except AddressInUse:
            clock.sleep(LOOK_SECONDS if look < LOOKS - 1 else 0)
            continue
        stack.callback(_unbind, path, listener)
        return listener
    raise AlreadyServing(f"a broker listens on {path} already")


def _inode(files: Files, path: str) -> tuple[int, int] | None:
    found = files.lstat(path)
    return found.inode if found else None


def _unbind(path: str, listener: socket.socket) -> None:
    with suppress(OSError):
        remove_listener(path, listener)
