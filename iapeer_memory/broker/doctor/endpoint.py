"""Whether a broker answers where clients look for it: asked with a Hello for a service that nobody has.

Starts nothing: no definition has that name, so a broker refuses, and a refusal is an answer too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.broker import names
from iapeer_memory.broker.capabilities import describe
from iapeer_memory.broker.client import negotiate
from iapeer_memory.broker.client_errors import BrokerUnreachable, ClientError, HelloRefused
from iapeer_memory.broker.doctor.check import Check
from iapeer_memory.broker.doctor.variables import BROKER_SOCKET
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.refusal import Refusal
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.broker.target import Target
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.domain.errors import ProductError

PROBE_SERVICE = "rp-doctor-probe"
PROBE_VERSION = "0.0.0"
PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a Hello. `socket_path`: "" when it could not be derived, and `error` says why."""

    socket_path: str
    outcome: Negotiated | Refusal | None = None
    error: str = ""
    nobody: bool = False


def first_socket(around: Surroundings, instance: str) -> str:
    """Where the user's broker of generation 1 listens; "" is the one that services share. Raises ProductError."""
    named = around.env.get(BROKER_SOCKET)
    if named:
        return named
    user = around.user()
    leaf = names.instance_leaf(user, instance) if instance else names.shared_leaf(user)
    return names.v1_socket(around.place, leaf)


def second_socket(around: Surroundings, program: str) -> str:
    """Where a program's broker of generation 2 listens. Raises ProductError."""
    return names.v2_socket(around.place, names.v2_name(program, around.user()))


def ask(around: Surroundings, generation: int, where: Callable[[], str]) -> Answer:
    """Send the Hello. `where`: derives the socket's path, and may raise ProductError. Raises nothing."""
    try:
        path = where()
    except ProductError as error:
        return Answer("", error=error.line())
    clock = around.door.clock
    wanted = Wanted(service=PROBE_SERVICE, version=PROBE_VERSION)
    try:
        negotiated = negotiate(
            Target(socket_path=path, wanted=wanted, uid=around.uid, generation=generation),
            clock=clock,
            deadline=clock.monotonic() + PROBE_SECONDS,
        )
    except HelloRefused as error:
        return Answer(path, error.refusal)
    except BrokerUnreachable as error:
        nobody = isinstance(error.error, FileNotFoundError | ConnectionRefusedError)
        return Answer(path, error=error.line(), nobody=nobody)
    except ClientError as error:
        return Answer(path, error=error.line())
    return Answer(path, negotiated)


def endpoint_check(name: str, answer: Answer) -> Check:
    """The check under that name."""
    if not answer.socket_path:
        return Check(name, "FAIL", f"endpoint cannot be derived: {answer.error}")
    if isinstance(answer.outcome, Negotiated):
        told = answer.outcome
        detail = f"negotiated version {told.daemon_version}, protocol {told.negotiated_protocol}, "
        return Check(name, "PASS", f"{answer.socket_path}: {detail}capabilities {describe(told.server_capabilities)}")
    if answer.outcome is not None:
        return Check(name, "PASS", f"{answer.socket_path}: {answer.outcome.line()}")
    if answer.nobody:
        return Check(name, "WARN", f"nothing listens on {answer.socket_path}")
    return Check(name, "WARN", f"probe failed: {answer.error}")
