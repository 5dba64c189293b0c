"""The same ways from a broker to a backend as `client` and `client_v2`, on an event loop. One attempt, one deadline.

Deadlines are moments of the loop's clock. A task that is cancelled leaves no connection behind.
Source: the running-process broker's clients, v1 and v2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeAlias

from iapeer_memory.broker.client_errors import BackendUnreachable, BrokerUnreachable, HelloTimedOut, broken_off
from iapeer_memory.broker.client_v2 import HELLO_SECONDS, Caller, wanted_v2
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
    v2_socket,
)
from iapeer_memory.broker.timed_stream_async import TimedStreamAsync, dialled_async
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.broker.wire_v1.framing import FramingError

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
AsyncTarget: TypeAlias = Target[Awaitable[Streams | None]]
AsyncConnection: TypeAlias = Connection[TimedStreamAsync]


async def connect(caller: Caller, program: str, version: str, *, service: str = "") -> AsyncConnection:
    """As `connect_with_deadline`, within three seconds."""
    deadline = asyncio.get_running_loop().time() + HELLO_SECONDS
    return await connect_with_deadline(caller, program, version, deadline=deadline, service=service)


async def connect_with_deadline(
    caller: Caller, program: str, version: str, *, deadline: float, service: str = ""
) -> AsyncConnection:
    """A backend of the program's broker of generation 2. `service`: which one; "" for the program's namesake.

    Raises ClientError, and names.BadName or PathTooLong before anything is dialled.
    """
    path = v2_socket(caller.place, caller.user, program)
    wanted = wanted_v2(program, service or program, version)
    target: AsyncTarget = Target(socket_path=path, wanted=wanted, uid=caller.place.uid, generation=2)
    return await connect_target(target, deadline=deadline)


async def connect_target(target: AsyncTarget, *, deadline: float) -> AsyncConnection:
    """The backend that the target asks for, of either generation. Raises ClientError."""
    return await proved(target, deadline) or await asked(target, deadline)


async def negotiate(target: AsyncTarget, *, deadline: float) -> Negotiated:
    """The broker's answer alone; nothing else is dialled. Raises ClientError."""
    stream, negotiated = await said_hello(target, deadline)
    stream.close()
    return negotiated


async def proved(target: AsyncTarget, deadline: float) -> AsyncConnection | None:
    """A connection to the cached endpoint, if it may be used and its daemon has proved to be the one."""
    cached = usable_cache(target)
    if cached is None:
        return None
    try:
        streams = await cached.prove(cached.endpoint, no_later(deadline, SKIP_SECONDS))
    except OSError:
        return None
    return None if streams is None else Connection(TimedStreamAsync(*streams), cached.endpoint, "hello-skip", None)


async def asked(target: AsyncTarget, deadline: float) -> AsyncConnection:
    """A connection to the endpoint that the broker names."""
    stream, negotiated = await said_hello(target, deadline)
    passed = False
    try:
        endpoint = endpoint_of(negotiated, target.wanted.service)
        token = handoff_token(target, negotiated)
        passed = token is not None and await taken_over(stream, token, deadline)
    finally:
        if not passed:
            stream.close()
    if passed:
        return Connection(stream, endpoint, "handle-passed", negotiated)
    try:
        backend = await dialled_async(endpoint, deadline=deadline, uid=target.uid)
    except OSError as error:
        raise BackendUnreachable(endpoint, error) from None
    return Connection(backend, endpoint, "broker-negotiated", negotiated)


async def said_hello(target: AsyncTarget, deadline: float) -> tuple[TimedStreamAsync, Negotiated]:
    """The connection to the broker, still open, and what it answered."""
    hello, seconds = hello_bytes(offering(target)), deadline - asyncio.get_running_loop().time()
    try:
        stream = await dialled_async(target.socket_path, deadline=deadline, uid=target.uid)
    except TimeoutError:
        raise HelloTimedOut(target.generation, seconds) from None
    except OSError as error:
        raise BrokerUnreachable(target.socket_path, error) from None
    try:
        await stream.send(hello, deadline=deadline)
        return stream, read_reply(await stream.frame(deadline=deadline))
    except BaseException as error:
        stream.close()
        raise broken_off(error, target.generation, seconds) from None


async def taken_over(stream: TimedStreamAsync, token: bytes, deadline: float) -> bool:
    """Whether the backend says in time that it has this connection now."""
    try:
        return is_handed_over(await stream.frame(deadline=no_later(deadline, HANDOFF_SECONDS)), token)
    except (FramingError, OSError):
        return False


def no_later(deadline: float, seconds: float) -> float:
    """The deadline, or so many seconds from now, whichever comes first."""
    return min(deadline, asyncio.get_running_loop().time() + seconds)
