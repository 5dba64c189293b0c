"""The broker's own lane, payload protocol 0xF1A1: its page's port, a backend's port, a session's token.

What a frame asks is told by its kind, for the messages themselves bear no mark:

    REQUEST, payload empty                    where is your page?         RESPONSE, GetBrokerHttpEndpointResponse
    REQUEST, GetSessionTokenRequest           that daemon's token?        RESPONSE, GetSessionTokenResponse
    EVENT, BackendHttpReady                   my HTTP server listens      RESPONSE, empty

A backend is who the kernel says it is: a port counts only when the process that sends it is one that this broker has
verified, and when nobody else's server listens there. Anything else gets no answer, and the connection ends.
Source: ours; the messages are generation 2's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.broker.http.endpoints import HIGHEST, Endpoints
from iapeer_memory.broker.protobuf import DecodeFailed, decode, encode
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.screen import Peer
from iapeer_memory.broker.wire_v1.frame import BROKER_HTTP, ENVELOPE_VERSION, Frame, FrameKind, PayloadEncoding
from iapeer_memory.broker.wire_v2.control import (
    BackendHttpReady,
    GetBrokerHttpEndpointResponse,
    GetSessionTokenRequest,
    GetSessionTokenResponse,
)


@dataclass(frozen=True, slots=True)
class Lane:
    """Answers the lane.

    `page_port`: of the broker's page, 0 while there is none. `pid`, `uid`: the broker's own. `listener_uid`: who
    listens on a port of this machine, None where nobody does or it cannot be told.
    """

    router: Router
    endpoints: Endpoints
    page_port: Callable[[], int]
    pid: int
    uid: int
    listener_uid: Callable[[int], int | None]

    def answer(self, frame: Frame, peer: Peer) -> bytes | None:
        """The payload of the response; None: no answer."""
        if frame.envelope_version != ENVELOPE_VERSION or frame.payload_encoding != PayloadEncoding.NONE:
            return None
        if frame.payload_protocol != BROKER_HTTP:
            return None
        try:
            if frame.kind == FrameKind.EVENT:
                return self._ready(decode(BackendHttpReady, frame.payload), peer)
            if frame.kind != FrameKind.REQUEST:
                return None
            if not frame.payload:
                return encode(GetBrokerHttpEndpointResponse(port=self.page_port(), pid=self.pid))
            return self._token(decode(GetSessionTokenRequest, frame.payload))
        except DecodeFailed:
            return None

    def _ready(self, told: BackendHttpReady, peer: Peer) -> bytes | None:
        entry = self.router.backends.of_process(peer.pid)
        if entry is None or told.port == self.page_port():
            return None
        if told.port > HIGHEST or self.listener_uid(told.port) not in (None, self.uid):
            return None
        return b"" if self.endpoints.register(entry.key.id, told.port) else None

    def _token(self, asked: GetSessionTokenRequest) -> bytes:
        tokens = self.router.tokens
        token = None if tokens is None else tokens.token(asked.daemon_id)
        return encode(GetSessionTokenResponse(found=token is not None, session_token=token or b""))
