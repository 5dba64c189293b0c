"""A session with a backend, from the user's switch to the frame client, blocking.

    session = adopt(target, environment=os.environ, clock=door.clock, deadline=door.clock.monotonic() + 3)
    frame = session.request(0xF0B7, b"hello", deadline=door.clock.monotonic() + 5)

Never starts a backend and never tries twice. Whoever wants another wire on the connection takes it with `release`, and
with it every byte that was read ahead.
Source: the running-process broker's sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iapeer_memory.broker.client import LocalTarget, connect_local_socket
from iapeer_memory.broker.client_errors import BrokerDisabled
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.switch import broker_is_on
from iapeer_memory.broker.target import Route
from iapeer_memory.broker.wire_v1.control import Negotiated
from iapeer_memory.broker.wire_v1.frame import Frame
from iapeer_memory.domain.door import Clock

if TYPE_CHECKING:
    import socket


@dataclass(frozen=True, slots=True)
class Session:
    """A backend that was found. `negotiated`: None where no broker was asked."""

    client: FrameClient
    route: Route
    endpoint: str
    negotiated: Negotiated | None

    def request(self, protocol: int, payload: bytes, *, deadline: float) -> Frame:
        """A request and its response. `deadline`: of the monotonic clock. Raises ExchangeFailed."""
        return self.client.request(protocol, payload, deadline=deadline)

    def release(self) -> tuple[socket.socket, bytes]:
        """The connection without the frames: its socket, and the bytes that come before all that it will give."""
        return self.client.release()

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


def adopt(target: LocalTarget, *, environment: Mapping[str, str], clock: Clock, deadline: float) -> Session:
    """A session with the backend that the target asks for. `deadline`: of the monotonic clock, for all that is dialled.

    Raises BrokerDisabled where the user switched the broker off, ConfigError for a switch that says neither, and
    ClientError.
    """
    if not broker_is_on(environment):
        raise BrokerDisabled
    found = connect_local_socket(target, clock=clock, deadline=deadline)
    return Session(FrameClient(found.stream), found.route, found.endpoint, found.negotiated)
