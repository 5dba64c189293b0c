"""A daemon's socket on an event loop: who may talk, who we are, whose turn it is. What bytes mean is for `mux` to say.

One bad connection ends itself and nothing else. A frame that has begun has to be whole in time; one that has not may
take for ever, because a client may keep its connection.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from iapeer_memory.broker.birth import Birth
from iapeer_memory.broker.mux import Answered, Detector, Drop, EndpointMux, Legacy, Payload, check_served
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.wire_v1.frame import Frame, response
from iapeer_memory.broker.wire_v1.framing import FRAME_CAP, framed
from iapeer_memory.egress.local_sockets import peer_credentials
from iapeer_memory.egress.local_streams import serve_local

if TYPE_CHECKING:
    import socket

PIECE = 1 << 16
IDLE_LOOK_SECONDS = 0.5
Lane = Callable[[Frame], Awaitable[bytes]]
"""Answers one request; the answer is a payload. What it raises ends the connection that asked."""
Lanes = Mapping[int, Lane]
Older = Callable[[bytes, StreamReader, StreamWriter], Awaitable[None]]
"""Serves a connection that speaks the daemon's older wire; `bytes` is what had come of it."""


@dataclass(frozen=True, slots=True)
class Admission:
    """How many connections, how long a frame may take, and what else than frames is spoken.

    `frame_seconds`: from a frame's first byte to its last, and for an answer to be taken. `grace_seconds`: for answers
    under way when we stop. `detector` and `older`: the daemon's older wire. `say`: where a line about a dropped
    connection goes.
    """

    connections: int = 256
    frame_seconds: float = 30.0
    grace_seconds: float = 2.0
    frame_bytes: int = FRAME_CAP
    detector: Detector | None = None
    older: Older | None = None
    say: Callable[[str], None] | None = None


class Identified(Protocol):
    """Who is served."""

    def claim(self) -> Sidecar: ...
    def birth(self) -> Birth: ...
    def announce(self) -> Sidecar: ...


class Serving:
    """All connections of one listener. A full house gives the place of who has said nothing yet to the newcomer.

    `idle_seconds`: how long nobody may be connected, and no request answered, before it ends; None: for ever. Who only
    probes does not use a daemon.
    """

    __slots__ = (
        "_admission", "_busy", "_idle_seconds", "_lanes", "_listener", "_mute", "_ready", "_talks", "_told", "_uid",
        "_used", "_who",
    )  # fmt: skip

    def __init__(
        self,
        who: Identified,
        listener: socket.socket,
        lanes: Lanes,
        admission: Admission,
        *,
        uid: int,
        idle_seconds: float | None = None,
    ) -> None:
        check_served(lanes)
        self._who = who
        self._listener = listener
        self._lanes = dict(lanes)
        self._admission = admission
        self._uid = uid
        self._idle_seconds = idle_seconds
        self._used = 0.0
        self._talks: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._mute: dict[asyncio.Task[None], None] = {}

    async def run(self, *, ready: Awaitable[object] | None, stop: asyncio.Event | None) -> None:
        """Serve until `stop` is set or the daemon was idle for too long. Raises what announcing and `ready` raise."""
        server = await serve_local(self._listener, self._accepted, limit=PIECE)
        # A probe waits only for who we are, a payload for `ready` too, and neither for the disk.
        self._told = asyncio.ensure_future(asyncio.to_thread(self._who_we_are))
        self._ready = asyncio.ensure_future(_awaited(ready))
        announced = asyncio.ensure_future(self._announced())
        over = asyncio.ensure_future(self._over(stop or asyncio.Event()))
        waiting: set[asyncio.Future[object]] = {self._ready, announced, over}  # type: ignore[arg-type]
        try:
            while not over.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
        finally:
            server.close()
            for task in (over, self._ready, *(self._talks - self._busy)):
                task.cancel()
            if self._busy:
                await asyncio.wait(self._busy, timeout=self._admission.grace_seconds)
            for task in self._talks:
                task.cancel()
            # Not cancelled: a sidecar that is being written has to be there to be withdrawn.
            await asyncio.gather(over, self._ready, announced, *self._talks, return_exceptions=True)

    async def _over(self, stop: asyncio.Event) -> None:
        """Wait for the end: somebody stops us, or nobody needs us."""
        loop = asyncio.get_running_loop()
        self._used = loop.time()
        while not stop.is_set():
            left = None if self._idle_seconds is None else self._used + self._idle_seconds - loop.time()
            if left is not None and left <= 0:
                if not self._talks:
                    return
                left = IDLE_LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), left)

    def _who_we_are(self) -> tuple[Sidecar, Birth]:
        return self._who.claim(), self._who.birth()

    async def _announced(self) -> None:
        await self._told
        await asyncio.to_thread(self._who.announce)

    async def _accepted(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, from its first byte to its last."""
        task = asyncio.current_task()
        assert task is not None
        well = False
        try:
            if self._is_ours(writer) and self._has_room():
                self._talks.add(task)
                self._mute[task] = None
                await self._talk(reader, writer, task)
                well = True
        except asyncio.CancelledError:
            well = task in self._busy or not self._listener_is_open()
        except ConnectionError:  # whoever asked has hung up, as one does who only looks whether somebody listens
            well = False
        except Exception as error:  # a bug in a daemon's lane: the others go on
            self._say(f"a connection was dropped: {type(error).__name__}: {error}")
        finally:
            for place in (self._talks, self._busy):
                place.discard(task)
            self._mute.pop(task, None)
            if well:
                writer.close()
            else:
                writer.transport.abort()

    def _listener_is_open(self) -> bool:
        return self._listener.fileno() >= 0

    def _is_ours(self, writer: StreamWriter) -> bool:
        """Whether the same user connected; nobody else gets to say anything."""
        return peer_credentials(cast("socket.socket", writer.get_extra_info("socket"))).uid == self._uid

    def _has_room(self) -> bool:
        """Whether one more may stay; when all places are taken, the one who has been silent longest goes."""
        if len(self._talks) < self._admission.connections:
            return True
        silent = next(iter(self._mute), None)
        if silent is None:
            return False
        self._talks.discard(silent)
        del self._mute[silent]
        silent.cancel()
        return True

    async def _talk(self, reader: StreamReader, writer: StreamWriter, task: asyncio.Task[None]) -> None:
        claim, birth = await asyncio.shield(self._told)
        admission = self._admission
        mux = EndpointMux(
            claim.process, self._lanes, birth=birth, detector=admission.detector, cap=admission.frame_bytes
        )
        loop, begun = asyncio.get_running_loop(), 0.0
        while self._listener_is_open():
            event = mux.next()
            if event is None:
                begun = (begun or loop.time()) if mux.amid else 0.0
                data = await _read(reader, begun + admission.frame_seconds if begun else None)
                if not data:
                    return
                mux.feed(data)
                continue
            begun = 0.0
            self._mute.pop(task, None)
            match event:
                case Answered(reply):
                    await self._send(writer, reply)
                case Payload(frame):
                    self._busy.add(task)
                    await asyncio.shield(self._ready)
                    await self._send(writer, await self._answered(frame))
                    self._busy.discard(task)
                    self._used = loop.time()
                case Legacy(data):
                    if admission.older is not None:
                        await admission.older(data, reader, writer)
                        self._used = loop.time()
                    return
                case Drop(reason):
                    self._say(f"a connection was dropped: {reason}")
                    return

    async def _answered(self, frame: Frame) -> bytes:
        """The framed answer. Raises FramingError for one that is too long, and what the lane raises."""
        return framed(encode(response(frame, await self._lanes[frame.payload_protocol](frame))))

    async def _send(self, writer: StreamWriter, data: bytes) -> None:
        """Raises TimeoutError for a peer that does not take it, ConnectionError for one that has gone."""
        writer.write(data)
        async with asyncio.timeout(self._admission.frame_seconds):
            await writer.drain()

    def _say(self, line: str) -> None:
        if self._admission.say is not None:
            self._admission.say(line)


async def _awaited(ready: Awaitable[object] | None) -> None:
    if ready is not None:
        await ready


async def _read(reader: StreamReader, deadline: float | None) -> bytes:
    """What came; nothing at the end of the stream, and when the deadline (of the loop's clock) has passed."""
    try:
        async with asyncio.timeout_at(deadline):
            return await reader.read(PIECE)
    except (TimeoutError, ConnectionError):
        return b""
