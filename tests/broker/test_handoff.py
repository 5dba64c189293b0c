"""Handing a connection over: when it is offered, and what either end makes of the other's faults."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from iapeer_memory.broker.handed_over import take_over
from iapeer_memory.broker.protobuf import decode
from iapeer_memory.broker.server.handoff import (
    MOST_FAILURES,
    MOST_PENDING,
    WINDOW_MS,
    Handoffs,
    ack_bytes,
    offer_bytes,
    read_ack,
    read_offer,
)
from iapeer_memory.broker.wire_v1.frame import Frame, FrameKind
from iapeer_memory.broker.wire_v1.handoff import HandoffAck
from iapeer_memory.egress.clock import RealClock
from iapeer_memory.egress.handles import send_handle
from tests.support.brokered import body_from

TOKEN = bytes(range(16))


def handoffs() -> Handoffs:
    numbers = itertools.count()
    return Handoffs(lambda count: next(numbers).to_bytes(count, "big"))


def test_offered_only_to_who_can_and_where_it_can_go() -> None:
    offers = handoffs()
    assert len(offers.offer("/run/take.sock", 1, 0)) == 16
    assert offers.offer("/run/take.sock", 2, 0) == b""
    assert offers.offer("", 1, 0) == b""
    assert offers.offer("take.sock", 1, 0) == b""


def test_not_while_they_keep_failing() -> None:
    offers = handoffs()
    for now in range(MOST_FAILURES):
        offers.ended(offers.offer("/p", 1, now), now, taken=False)
    assert offers.offer("/p", 1, WINDOW_MS - 1) == b""
    token = offers.offer("/p", 1, WINDOW_MS)
    assert token
    offers.ended(token, WINDOW_MS, taken=True)
    offers.ended(token, WINDOW_MS, taken=False)
    assert offers.offer("/p", 1, WINDOW_MS)


def test_so_many_at_once() -> None:
    offers = handoffs()
    tokens = [offers.offer("/p", 1, 0) for _ in range(MOST_PENDING)]
    assert all(tokens) and offers.offer("/p", 1, 0) == b""
    offers.ended(tokens[0], 0, taken=True)
    assert offers.offer("/p", 1, 0)


def test_the_words_are_read_back_and_nothing_else_is() -> None:
    offer = read_offer(offer_bytes(TOKEN, "svc", 7)[5:])
    assert offer is not None and (offer.token, offer.service_name, offer.correlation_id) == (TOKEN, "svc", 7)
    answer = ack_bytes(HandoffAck(token=TOKEN, accepted=True), kind=FrameKind.RESPONSE, number=7)[5:]
    assert read_ack(answer, TOKEN) is not None
    assert read_ack(answer, TOKEN[::-1]) is None
    event = ack_bytes(HandoffAck(token=TOKEN, accepted=True), kind=FrameKind.EVENT, number=7)[5:]
    assert read_ack(event, TOKEN) is None
    assert read_offer(b"\x0a\xff") is None and read_ack(b"\x0a\xff", TOKEN) is None and read_offer(answer) is None


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("service", "token", "why"),
    [("svc", TOKEN, ""), ("other", TOKEN, "the offer is for another service"), ("svc", TOKEN[::-1], "another token")],
)
def test_a_backend_takes_what_is_meant_for_it(
    pair: tuple[socket.socket, socket.socket], service: str, token: bytes, why: str
) -> None:
    broker, backend = pair
    client, far = socket.socketpair()
    with client, far, ThreadPoolExecutor(1) as pool:
        taking = pool.submit(take_over, backend, "svc", clock=RealClock(), uid=os.getuid())
        send_handle(broker, client, TOKEN)
        broker.sendall(offer_bytes(token, service, 7))
        ack = decode(HandoffAck, decode(Frame, body_from(broker)).payload)
        taken = taking.result()
        assert (ack.accepted, ack.token, ack.correlation_id) == (not why, TOKEN, 7) and why in ack.error_detail
        assert (taken is None) is bool(why)
        if taken is not None:
            with taken:
                far.sendall(b"hello")
                assert taken.recv(5) == b"hello"


@pytest.mark.parametrize("data", [b"", TOKEN[:7], TOKEN, TOKEN + b"\x02\0\0\0\0", TOKEN + offer_bytes(TOKEN, "svc", 7)])
def test_a_backend_that_gets_no_connection_takes_none(pair: tuple[socket.socket, socket.socket], data: bytes) -> None:
    broker, backend = pair
    broker.sendall(data)
    broker.shutdown(socket.SHUT_WR)
    assert take_over(backend, "svc", clock=RealClock(), uid=os.getuid()) is None


def test_another_users_broker_is_not_listened_to(pair: tuple[socket.socket, socket.socket]) -> None:
    assert take_over(pair[1], "svc", clock=RealClock(), uid=os.getuid() + 1) is None
