"""What a broker can be asked beside a backend: admin verbs, its page's port, a session's token; and one thing told it.

    reply = ask(admin(AdminVerb.STATUS, json=True), path, uid=uid, clock=clock, deadline=clock.monotonic() + 30)

One connection carries one question. Never tries twice.
Source: the running-process broker's admin client, v1; the lane of the rest is ours, its messages are generation 2's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from iapeer_memory.broker.client_errors import BrokerUnreachable, ExchangeFailed
from iapeer_memory.broker.exchange import Exchange
from iapeer_memory.broker.protobuf import DecodeFailed, Message, decode, encode
from iapeer_memory.broker.timed_stream import dialled
from iapeer_memory.broker.wire_v1.admin import AdminReply, AdminRequest
from iapeer_memory.broker.wire_v1.frame import ADMIN, BROKER_HTTP, FrameKind
from iapeer_memory.broker.wire_v2.control import (
    BackendHttpReady,
    GetBrokerHttpEndpointRequest,
    GetBrokerHttpEndpointResponse,
    GetSessionTokenRequest,
    GetSessionTokenResponse,
)
from iapeer_memory.domain.door import Clock

TIMEOUT = "RUNNING_PROCESS_BROKER_CLIENT_TIMEOUT_MS"
CLIENT_SECONDS = 30.0
"""How long a client of generation 1 waits, if nobody says otherwise."""

LONGEST = 18
"""Digits of a number of milliseconds; longer ones are none."""

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Question(Generic[M]):
    """What is sent, and what comes back."""

    protocol: int
    message: Message
    answer: type[M]
    kind: int = FrameKind.REQUEST

    def read(self, payload: bytes) -> M:
        """The answer. Raises ExchangeFailed."""
        try:
            return decode(self.answer, payload)
        except DecodeFailed as error:
            raise ExchangeFailed("decode", f"the broker's answer cannot be read: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Message):
    """The answer to what was only told: nothing in it."""


def admin(
    verb: int, *, json: bool = False, service: str = "", output_path: str = "", drain_ms: int = 0
) -> Question[AdminReply]:
    """An admin verb. `drain_ms`: with SHUTDOWN, how long the broker may take."""
    asked = AdminRequest(
        verb=verb, json=json, service_name=service, output_path=output_path, drain_deadline_ms=drain_ms
    )
    return Question(ADMIN, asked, AdminReply)


def page_endpoint() -> Question[GetBrokerHttpEndpointResponse]:
    """Where the broker's page is; port 0 where there is none."""
    return Question(BROKER_HTTP, GetBrokerHttpEndpointRequest(), GetBrokerHttpEndpointResponse)


def session_token(daemon_id: str) -> Question[GetSessionTokenResponse]:
    """The token of one daemon."""
    return Question(BROKER_HTTP, GetSessionTokenRequest(daemon_id=daemon_id), GetSessionTokenResponse)


def http_ready(port: int) -> Question[Noted]:
    """Tell the broker that the HTTP server of this process, a backend of its, listens on that port."""
    return Question(BROKER_HTTP, BackendHttpReady(port=port), Noted, FrameKind.EVENT)


def ask(question: Question[M], socket_path: str, *, uid: int, clock: Clock, deadline: float) -> M:
    """The broker's answer. `uid`: who has to listen there. Raises BrokerUnreachable, ExchangeFailed."""
    exchange = Exchange(partner="the broker")
    data = exchange.request(question.protocol, encode(question.message), kind=question.kind)
    try:
        stream = dialled(socket_path, deadline=deadline, clock=clock, uid=uid)
    except OSError as error:
        raise BrokerUnreachable(socket_path, error) from None
    try:
        with suppress(BrokenPipeError):  # a broker that answers early has closed, and its answer is there
            stream.send(data, deadline=deadline)
        return question.read(exchange.response(stream.frame(deadline=deadline)).payload)
    except BaseException as error:
        raise exchange.broke(error) from None
    finally:
        stream.close()


def client_seconds(environment: Mapping[str, str]) -> float:
    """How long to wait for a broker of generation 1: as the environment says in whole milliseconds, else 30 s."""
    text = environment.get(TIMEOUT, "").strip()
    said = int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST else 0
    return said / 1000 if said else CLIENT_SECONDS
