"""From a broker's socket to a connection with a backend, blocking: one attempt, within one deadline.

The order: a cached endpoint, if there is one that may be tried; else a Hello to the broker, and then the endpoint that
it names. A deadline is a moment of the monotonic clock; it covers dialling, the Hello and dialling the backend. Never
tries twice: `patience` does that, where a refusal says so.

Source: the running-process broker's client, v1.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from iapeer_memory.broker.client_errors import BackendUnreachable, BrokerUnreachable, HelloTimedOut, broken_off
from iapeer_memory.broker.hello import endpoint_of, hello_bytes, read_reply
from iapeer_memory.broker.target import (
    HANDOFF_SECONDS,
    SKIP_SECONDS,
    Connection,
    Target,
    handoff_token,
    is_handed_over,
    offering,
    usable_cache,
)
from iapeer_memory.broker.timed_stream import TimedStream, dialled
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.broker.wire_v1.framing import FramingError
from iapeer_memory.domain.door import Clock

if TYPE_CHECKING:
    import socket

LocalTarget: TypeAlias = "Target[socket.socket | None]"
LocalConnection: TypeAlias = Connection[TimedStream]


def connect_local_socket(target: LocalTarget, *, clock: Clock, deadline: float) -> LocalConnection:
    """The backend that the target asks for. Raises ClientError."""
    return proved(target, clock, deadline) or asked(target, clock, deadline)


def negotiate(target: LocalTarget, *, clock: Clock, deadline: float) -> Negotiated:
    """The broker's answer alone; nothing else is dialled. Raises ClientError."""
    stream, negotiated = said_hello(target, clock, deadline)
    stream.close()
    return negotiated


def proved(target: LocalTarget, clock: Clock, deadline: float) -> LocalConnection | None:
    """A connection to the cached endpoint, if it may be used and its daemon has proved to be the one."""
    cached = usable_cache(target)
    if cached is None:
        return None
    try:
        stream = cached.prove(cached.endpoint, min(deadline, clock.monotonic() + SKIP_SECONDS))
    except OSError:
        return None
    return None if stream is None else Connection(TimedStream(stream, clock), cached.endpoint, "hello-skip", None)


def asked(target: LocalTarget, clock: Clock, deadline: float) -> LocalConnection:
    """A connection to the endpoint that the broker names."""
    stream, negotiated = said_hello(target, clock, deadline)
    passed = False
    try:
        endpoint = endpoint_of(negotiated, target.wanted.service)
        token = handoff_token(target, negotiated)
        passed = token is not None and taken_over(stream, token, clock, deadline)
    finally:
        if not passed:
            stream.close()
    if passed:
        return Connection(stream, endpoint, "handle-passed", negotiated)
    try:
        backend = dialled(endpoint, deadline=deadline, clock=clock, uid=target.uid)
    except OSError as error:
        raise BackendUnreachable(endpoint, error) from None
    return Connection(backend, endpoint, "broker-negotiated", negotiated)


def said_hello(target: LocalTarget, clock: Clock, deadline: float) -> tuple[TimedStream, Negotiated]:
    """The connection to the broker, still open, and what it answered."""
    hello, seconds = hello_bytes(offering(target)), deadline - clock.monotonic()
    try:
        stream = dialled(target.socket_path, deadline=deadline, clock=clock, uid=target.uid)
    except TimeoutError:
        raise HelloTimedOut(target.generation, seconds) from None
    except OSError as error:
        raise BrokerUnreachable(target.socket_path, error) from None
    try:
        with suppress(BrokenPipeError):  # a broker that refuses early has closed, and its reply is there
            stream.send(hello, deadline=deadline)
        return stream, read_reply(stream.frame(deadline=deadline))
    except BaseException as error:
        stream.close()
        raise broken_off(error, target.generation, seconds) from None


def taken_over(stream: TimedStream, token: bytes, clock: Clock, deadline: float) -> bool:
    """Whether the backend says in time that it has this connection now."""
    try:
        return is_handed_over(stream.frame(deadline=min(deadline, clock.monotonic() + HANDOFF_SECONDS)), token)
    except (FramingError, OSError):
        return False
