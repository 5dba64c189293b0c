"""A session with a backend, from the user's switch to the frame client, blocking.

    session = adopt(target, environment=os.environ, clock=door.clock, deadline=door.clock.monotonic() + 3)
    frame = session.request(0xF0B7, b"hello", deadline=door.clock.monotonic() + 5)

Never starts a backend and never tries twice. Whoever wants another wire on the connection takes it with `release`, and
with it every byte that was read ahead.
Source: the running-process broker's sessions.
"""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.broker.client import LocalConnection, LocalTarget, connect_local_socket
from iapeer_memory.broker.client_errors import BrokerDisabled
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.switch import broker_is_on
from iapeer_memory.domain.door import Clock


class Session(FrameClient):
    """A backend that was found, and how. `negotiated`: None where no broker was asked."""

    def __init__(self, found: LocalConnection) -> None:
        super().__init__(found.stream)
        self.route = found.route
        self.endpoint = found.endpoint
        self.negotiated = found.negotiated


def adopt(target: LocalTarget, *, environment: Mapping[str, str], clock: Clock, deadline: float) -> Session:
    """A session with the backend that the target asks for. `deadline`: of the monotonic clock, for all that is dialled.

    Raises BrokerDisabled where the user switched the broker off, ConfigError for a switch that says neither, and
    ClientError.
    """
    if not broker_is_on(environment):
        raise BrokerDisabled
    return Session(connect_local_socket(target, clock=clock, deadline=deadline))
