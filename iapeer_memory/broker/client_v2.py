"""The blocking client of generation 2: a program's name is enough to find its broker. One attempt, never two.

Every deadline covers all that is dialled, the backend included.
Source: the running-process broker's client, v2.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import getpid

from iapeer_memory.broker.client import LocalConnection, LocalTarget, connect_local_socket
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.names import Place
from iapeer_memory.broker.target import Target, v2_socket
from iapeer_memory.domain.door import Clock

HELLO_SECONDS = 3.0
"""How long a client of generation 2 waits, if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `user`: the sid hash of the user whose broker it is."""

    place: Place
    user: str


def connect(caller: Caller, program: str, version: str, *, clock: Clock, service: str = "") -> LocalConnection:
    """As `connect_with_deadline`, within three seconds."""
    deadline = clock.monotonic() + HELLO_SECONDS
    return connect_with_deadline(caller, program, version, clock=clock, deadline=deadline, service=service)


def connect_with_deadline(
    caller: Caller, program: str, version: str, *, clock: Clock, deadline: float, service: str = ""
) -> LocalConnection:
    """A backend of the program's broker. `service`: which one; "" for the one that is named as the program is.

    Raises ClientError, and names.BadName or PathTooLong before anything is dialled.
    """
    target = v2_target(caller, program, version, service=service)
    return connect_local_socket(target, clock=clock, deadline=deadline)


def connect_path_with_deadline(
    caller: Caller, socket_path: str, service: str, version: str, *, clock: Clock, deadline: float
) -> LocalConnection:
    """A backend of the broker that listens on that path, as one of an install path does. Raises ClientError."""
    wanted = wanted_v2(service, service, version)
    target: LocalTarget = Target(socket_path=socket_path, wanted=wanted, uid=caller.place.uid, generation=2)
    return connect_local_socket(target, clock=clock, deadline=deadline)


def v2_target(caller: Caller, program: str, version: str, *, service: str = "") -> LocalTarget:
    """The program's broker and what is wanted of it. Raises names.BadName, PathTooLong."""
    path = v2_socket(caller.place, caller.user, program)
    wanted = wanted_v2(program, service or program, version)
    return Target(socket_path=path, wanted=wanted, uid=caller.place.uid, generation=2)


def wanted_v2(program: str, service: str, version: str) -> Wanted:
    """What clients of generation 2 say in a Hello."""
    return Wanted(service=service, version=version, request_id=f"client_v2-{program}-{getpid()}")
