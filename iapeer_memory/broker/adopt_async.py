"""A session with a backend, from the user's switch to the frame client, on an event loop.

    session = await adopt_async(target, environment=os.environ, deadline=loop.time() + 3)
    frame = await session.request(0xF0B7, b"hello", deadline=loop.time() + 5)

Never starts a backend and never tries twice. Whoever wants another wire on the connection takes it with `release`, and
with it every byte that was read ahead.
Source: the running-process broker's sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iapeer_memory.broker.client_async import AsyncTarget, connect_target
from iapeer_memory.broker.client_errors import BrokerDisabled
from iapeer_memory.broker.frame_client_async import AsyncFrameClient
from iapeer_memory.broker.switch import broker_is_on
from iapeer_memory.broker.target import Route
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.broker.wire_v1.frame import Frame

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter


@dataclass(frozen=True, slots=True)
class AsyncSession:
    """A backend that was found. `negotiated`: None where no broker was asked."""

    client: AsyncFrameClient
    route: Route
    endpoint: str
    negotiated: Negotiated | None

    async def request(self, protocol: int, payload: bytes, *, deadline: float) -> Frame:
        """A request and its response. `deadline`: of the loop's clock. Raises ExchangeFailed."""
        return await self.client.request(protocol, payload, deadline=deadline)

    def release(self) -> tuple[StreamReader, StreamWriter, bytes]:
        """The connection without the frames: its streams, and the bytes that come before all that they will give."""
        return self.client.release()

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


async def adopt_async(target: AsyncTarget, *, environment: Mapping[str, str], deadline: float) -> AsyncSession:
    """A session with the backend that the target asks for. `deadline`: of the loop's clock, for all that is dialled.

    Raises BrokerDisabled where the user switched the broker off, ConfigError for a switch that says neither, and
    ClientError.
    """
    if not broker_is_on(environment):
        raise BrokerDisabled
    found = await connect_target(target, deadline=deadline)
    return AsyncSession(AsyncFrameClient(found.stream), found.route, found.endpoint, found.negotiated)
