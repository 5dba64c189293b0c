"""Another attempt is made when a refusal says when, and never otherwise."""

from __future__ import annotations

import pytest

from iapeer_memory.broker.client_errors import BadReply, BrokerUnreachable, HelloRefused, HelloTimedOut
from iapeer_memory.broker.patience import wait_before
from iapeer_memory.broker.refusal import refusal
from iapeer_memory.broker.wire_v1.control import ErrorCode, Refused
from tests.support.client_driver import Which, reach
from tests.support.scripted_peer import Peer, echoing, negotiating, refusing, scripted, silent


def test_a_broker_that_says_when_is_asked_again(which: Which, base: str) -> None:
    def script(peer: Peer) -> None:
        if peer.number < 3:
            refusing(code=ErrorCode.RATE_LIMITED, retry_after_ms=60)(peer)
        else:
            negotiating(f"{base}/be")(peer)

    with scripted(f"{base}/be", echoing), scripted(f"{base}/br", script) as broker:
        assert reach(which, f"{base}/br", patient=True).answers == (b"hello",)
        assert broker.count == 3


@pytest.mark.parametrize("wait", [0, 60_000, 2**64 - 1])
def test_one_that_does_not_or_wants_too_long_is_asked_once(which: Which, base: str, wait: int) -> None:
    with scripted(f"{base}/br", refusing(code=ErrorCode.RATE_LIMITED, retry_after_ms=wait)) as broker:
        with pytest.raises(HelloRefused):
            reach(which, f"{base}/br", patient=True)
        assert broker.count == 1


def test_an_impatient_client_asks_once(which: Which, base: str) -> None:
    with scripted(f"{base}/br", refusing(code=ErrorCode.RATE_LIMITED, retry_after_ms=1)) as broker:
        with pytest.raises(HelloRefused):
            reach(which, f"{base}/br")
        assert broker.count == 1


def test_a_broker_that_asks_for_no_pause_is_not_hammered(which: Which, base: str) -> None:
    with scripted(f"{base}/br", refusing(code=ErrorCode.RATE_LIMITED, retry_after_ms=1)) as broker:
        with pytest.raises(HelloRefused):
            reach(which, f"{base}/br", patient=True, seconds=1.0)
        assert 1 < broker.count <= 5


def test_when_the_time_runs_out_the_reason_is_the_refusal(which: Which, base: str) -> None:
    def script(peer: Peer) -> None:
        if peer.number == 1:
            refusing(code=ErrorCode.BACKEND_SPAWN_FAILED, reason="why", retry_after_ms=50)(peer)
        peer.linger()

    with scripted(f"{base}/br", script) as broker:
        with pytest.raises(HelloRefused, match="why"):
            reach(which, f"{base}/br", patient=True, seconds=0.5)
        assert broker.count == 2


def test_a_broken_transport_is_not_tried_again(which: Which, base: str) -> None:
    with pytest.raises(BrokerUnreachable):
        reach(which, f"{base}/absent", patient=True)
    with scripted(f"{base}/br", lambda peer: None) as broker:
        with pytest.raises(BadReply):
            reach(which, f"{base}/br", patient=True)
        assert broker.count == 1
    with scripted(f"{base}/s", silent) as broker:
        with pytest.raises(HelloTimedOut):
            reach(which, f"{base}/s", patient=True, seconds=0.2)
        assert broker.count == 1


@pytest.mark.parametrize(
    ("retry_after_ms", "left", "made", "wait"),
    [
        (0, 100.0, 1, None),
        (1, 100.0, 1, 0.05),
        (1, 100.0, 2, 0.1),
        (1, 100.0, 6, 1.6),
        (1, 100.0, 7, 2.0),
        (1, 100.0, 10**6, 2.0),
        (1500, 100.0, 1, 1.5),
        (1500, 100.0, 7, 2.0),
        (1500, 1.5, 1, None),
        (1500, 1.6, 1, 1.5),
        (2**64 - 1, 100.0, 1, None),
    ],
)
def test_how_long_to_wait(retry_after_ms: int, left: float, made: int, wait: float | None) -> None:
    refused = HelloRefused(refusal(Refused(retry_after_ms=retry_after_ms)))
    assert wait_before(refused, now=50.0, deadline=50.0 + left, attempts=made) == wait
