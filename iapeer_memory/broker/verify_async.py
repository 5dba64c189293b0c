"""The same proof as `verify`, for an event loop. Only the conversation waits; the rest is the same code."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from iapeer_memory.broker.birth import Birth
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.probing import PROBE_SECONDS
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.verify import PIECE, Wanted, examine, foreign_listener, new_questions, unreachable
from iapeer_memory.broker.wire_v1.process import DaemonProcess
from iapeer_memory.domain.door import Door
from iapeer_memory.egress.local_streams import open_local
from iapeer_memory.egress.pins import Pin

if TYPE_CHECKING:
    import socket


@dataclass(frozen=True, slots=True)
class ProvedAsync:
    """As `verify.Proved`, with the streams of an event loop."""

    process: DaemonProcess
    pin: Pin
    replaced: bool
    birth: Birth
    reader: StreamReader
    writer: StreamWriter

    def close(self) -> None:
        """Let go of the connection and of the process."""
        self.writer.close()
        self.pin.close()


async def verify_async(
    door: Door, hashes: ExecutableHashes, claim: Sidecar, wanted: Wanted, *, seconds: float = PROBE_SECONDS
) -> ProvedAsync | NotThatDaemon:
    """All checks in their order. `seconds`: for the conversation as a whole, connecting included."""
    await asyncio.to_thread(hashes.learn, door.files, claim.process.pid)
    held = examine(door, hashes, claim, wanted)
    if isinstance(held, NotThatDaemon):
        return held
    deadline = asyncio.get_running_loop().time() + seconds
    writer: StreamWriter | None = None
    proved = False
    try:
        reader, writer = await open_local(wanted.endpoint.path, deadline=deadline)
        found = await ask_async(door, reader, writer, claim, wanted, deadline=deadline)
        if isinstance(found, Birth) and not held.pin.alive():
            found = NotThatDaemon("NotFound", "the process ended meanwhile")
        if isinstance(found, NotThatDaemon):
            return found
        proved = True
        return ProvedAsync(claim.process, held.pin, held.image.replaced, found, reader, writer)
    except OSError as error:
        return unreachable(wanted, error)
    finally:
        if not proved:
            held.pin.close()
            if writer is not None:
                writer.close()


async def ask_async(
    door: Door, reader: StreamReader, writer: StreamWriter, claim: Sidecar, wanted: Wanted, *, deadline: float
) -> Birth | NotThatDaemon:
    """The conversation. `deadline`: of the loop's clock. The streams stay open."""
    questions = new_questions(door, claim, wanted)
    try:
        stranger = foreign_listener(cast("socket.socket", writer.get_extra_info("socket")), wanted)
        if stranger is not None:
            return stranger
        writer.write(questions.start())
        async with asyncio.timeout_at(deadline):
            while questions.outcome is None:
                data = await reader.read(PIECE)
                if data:
                    writer.write(questions.feed(data))
                else:
                    questions.eof()
    except TimeoutError:
        questions.failed("no answer in time")
    except OSError as error:
        questions.failed(f"the connection broke ({error.strerror})")
    assert questions.outcome is not None
    return questions.outcome
