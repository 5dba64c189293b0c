"""A session with a backend, from the user's switch to the frame client, on an event loop.

    session = await adopt_async(target, environment=os.environ, deadline=loop.time() + 3)
    frame = await session.request(0xF0B7, b"hello", deadline=loop.time() + 5)

Never starts a backend and never tries twice. Whoever wants another wire on the connection takes it with `release`, and
with it every byte that was read ahead.
Source: the running-process broker's sessions.
"""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.broker.client_async import AsyncConnection, AsyncTarget, connect_target
from iapeer_memory.broker.client_errors import BrokerDisabled
from iapeer_memory.broker.frame_client_async import AsyncFrameClient
from iapeer_memory.broker.switch import broker_is_on


class AsyncSession(AsyncFrameClient):
    """A backend that was found, and how. `negotiated`: None where no broker was asked."""

    def __init__(self, found: AsyncConnection) -> None:
        super().__init__(found.stream)
        self.route = found.route
        self.endpoint = found.endpoint
        self.negotiated = found.negotiated


async def adopt_async(target: AsyncTarget, *, environment: Mapping[str, str], deadline: float) -> AsyncSession:
    """A session with the backend that the target asks for. `deadline`: of the loop's clock, for all that is dialled.

    Raises BrokerDisabled where the user switched the broker off, ConfigError for a switch that says neither, and
    ClientError.
    """
    if not broker_is_on(environment):
        raise BrokerDisabled
    return AsyncSession(await connect_target(target, deadline=deadline))
