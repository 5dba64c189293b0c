"""Both ends of handing a client's connection from a broker to its backend, over a blocking Unix socket.

    broker → backend    16 bytes of token, the connection beside them; then an offer, framed
    backend → broker    an answer, framed; the broker passes it on to the client, and lets go of its copy

Every failure costs the client one more connection and nothing else. Source: the running-process broker, handle handoff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iapeer_memory.broker.server.handoff import ack_bytes, offer_bytes, read_ack, read_offer
from iapeer_memory.broker.wire_v1.frame import FrameKind
from iapeer_memory.broker.wire_v1.framing import HELLO_CAP, FramingError, Unframer
from iapeer_memory.broker.wire_v1.handoff import TOKEN_BYTES, HandoffAck, HandoffOffer
from iapeer_memory.domain.door import Clock
from iapeer_memory.egress.handles import receive_handle, send_handle
from iapeer_memory.egress.local_sockets import local_connect, peer_credentials

if TYPE_CHECKING:
    import socket

ACK_SECONDS = 5.0
PIECE = 1 << 16


def hand_over(client: socket.socket, endpoint: str, token: bytes, service: str, *, clock: Clock, uid: int) -> bool:
    """Offer the client's connection to the backend that listens at the endpoint, and tell the client of its answer.

    True when it was taken; the caller closes its copy either way. `uid`: who has to listen there. Never raises.
    """
    number = int.from_bytes(token[:4], "little") or 1
    deadline = clock.monotonic() + ACK_SECONDS
    try:
        with local_connect(endpoint, deadline=deadline) as stream:
            if peer_credentials(stream).uid != uid:
                return False
            send_handle(stream, client, token)
            stream.sendall(offer_bytes(token, service, number))
            body = _body(stream, clock, deadline)
            ack = None if body is None else read_ack(body, token)
        if ack is None or not ack.accepted:
            return False
        # The backend's copy shares our flags: whether it blocks is the backend's to say from here on.
        told = ack_bytes(ack, kind=FrameKind.EVENT, number=number)
        return client.send(told) == len(told)
    except (OSError, EOFError, FramingError):
        return False


def take_over(broker: socket.socket, service: str, *, clock: Clock, uid: int) -> socket.socket | None:
    """The connection that a broker offers on this one, blocking, and the answer that it is taken; None when it is not.

    `uid`: whose broker it has to be. The caller closes both. Never raises.
    """
    handle: socket.socket | None = None
    deadline = clock.monotonic() + ACK_SECONDS
    try:
        if peer_credentials(broker).uid != uid:
            return None
        broker.settimeout(ACK_SECONDS)
        token, handle = receive_handle(broker, TOKEN_BYTES)
        body = _body(broker, clock, deadline)
        offer = None if body is None else read_offer(body)
        why = _objection(offer, token, service, handle)
        number = offer.correlation_id if offer else 0
        ack = HandoffAck(token=token, accepted=not why, error_detail=why, correlation_id=number)
        broker.sendall(ack_bytes(ack, kind=FrameKind.RESPONSE, number=number))
        taken, handle = (handle, None) if not why else (None, handle)
        return taken
    except (OSError, EOFError, FramingError):
        return None
    finally:
        if handle is not None:
            handle.close()


def _objection(offer: HandoffOffer | None, token: bytes, service: str, handle: socket.socket | None) -> str:
    if handle is None:
        return "no connection came with the token"
    if offer is None or offer.token != token:
        return "the offer bears another token"
    return "" if offer.service_name == service else "the offer is for another service"


def _body(stream: socket.socket, clock: Clock, deadline: float) -> bytes | None:
    """The body of one frame; None when the stream ends before it."""
    unframer = Unframer(HELLO_CAP)
    while (body := unframer.next()) is None:
        stream.settimeout(max(deadline - clock.monotonic(), 0.001))
        data = stream.recv(PIECE)
        if not data:
            return None
        unframer.feed(data)
    return body
