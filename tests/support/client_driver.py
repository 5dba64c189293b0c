"""Both clients behind one face, so that each behaviour is tested of both: blocking, and on an event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.broker import client, client_async
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.frame_client_async import AsyncFrameClient
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.patience import with_patience
from iapeer_memory.broker.patience_async import with_patience_async
from iapeer_memory.broker.target import Cached, Route, Target
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.local_sockets import local_connect
from iapeer_memory.egress.local_streams import open_local

Which = Literal["blocking", "async"]
BOTH: tuple[Which, ...] = ("blocking", "async")
CLOCK = RealClock()
ECHO = 0xF0B7


def wanted(version: str = "1.0.0", *, own: str = "") -> Wanted:
    return Wanted(service="memoryd", version=version, client_version=own)


@dataclass(frozen=True)
class Found:
    """What a client found, and what the backend answered to its requests."""

    route: Route
    endpoint: str
    negotiated: Negotiated | None
    answers: tuple[bytes, ...]
    rest: bytes


def reach(
    which: Which,
    path: str,
    *,
    seconds: float = 5.0,
    ask: tuple[bytes, ...] = (b"hello",),
    patient: bool = False,
    cached: str | None = None,
    prove: Callable[[str, float], bool | None] = lambda endpoint, deadline: True,
    want: Wanted | None = None,
    **more: Any,
) -> Found:
    """Connect, and send the backend each request. `prove`: True dials the endpoint and takes it for proved."""
    more = {"wanted": want or wanted(), "uid": os.getuid(), **more}
    if which == "blocking":
        return blocking(path, seconds, ask, patient, cached, prove, more)
    return asyncio.run(on_loop(path, seconds, ask, patient, cached, prove, more))


def blocking(
    path: str,
    seconds: float,
    ask: tuple[bytes, ...],
    patient: bool,
    cached: str | None,
    prove: Callable[[str, float], bool | None],
    more: dict[str, Any],
) -> Found:
    deadline = CLOCK.monotonic() + seconds

    def proof(endpoint: str, until: float) -> socket.socket | None:
        return local_connect(endpoint, deadline=until) if prove(endpoint, until) else None

    keep = None if cached is None else Cached(cached, proof)
    target: client.LocalTarget = Target(socket_path=path, cached=keep, **more)

    def attempt() -> client.LocalConnection:
        return client.connect_local_socket(target, clock=CLOCK, deadline=deadline)

    found = with_patience(attempt, clock=CLOCK, deadline=deadline) if patient else attempt()
    frames = FrameClient(found.stream)
    try:
        answers = tuple(frames.request(ECHO, one, deadline=deadline).payload for one in ask)
    finally:
        stream, rest = frames.release()
        stream.close()
    return Found(found.route, found.endpoint, found.negotiated, answers, rest)


async def on_loop(
    path: str,
    seconds: float,
    ask: tuple[bytes, ...],
    patient: bool,
    cached: str | None,
    prove: Callable[[str, float], bool | None],
    more: dict[str, Any],
) -> Found:
    deadline = asyncio.get_running_loop().time() + seconds

    async def proof(endpoint: str, until: float) -> client_async.Streams | None:
        return await open_local(endpoint, deadline=until) if prove(endpoint, until) else None

    keep = None if cached is None else Cached(cached, proof)
    target: client_async.AsyncTarget = Target(socket_path=path, cached=keep, **more)

    async def attempt() -> client_async.AsyncConnection:
        return await client_async.connect_target(target, deadline=deadline)

    found = await (with_patience_async(attempt, deadline=deadline) if patient else attempt())
    frames = AsyncFrameClient(found.stream)
    try:
        answers = tuple([(await frames.request(ECHO, one, deadline=deadline)).payload for one in ask])
    finally:
        _, writer, rest = frames.release()
        writer.close()
    return Found(found.route, found.endpoint, found.negotiated, answers, rest)
