"""Our clients with our broker, whole: launched backends, refusals, admin verbs, the broker's own lane."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from iapeer_memory.broker import client_async, client_v2
from iapeer_memory.broker.ask import admin, ask, page_endpoint, session_token
from iapeer_memory.broker.client_errors import BrokerUnreachable, HelloRefused
from iapeer_memory.broker.client_v2 import Caller
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.wire_v1.admin import AdminVerb
from tests.support.brokered import GroundOf, broker, ground
from tests.support.client_driver import BOTH, CLOCK, Found, Which, reach


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[GroundOf, int]]:
    """A broker with a service of each generation, and its pid."""
    with ground() as made, broker(made) as process:
        made.service("first")
        made.service("second", generation=2)
        yield made, process.pid


def want(service: str, version: str = "1.2.3") -> Wanted:
    return Wanted(service=service, version=version)


@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("service", ["first", "second"])
def test_a_backend_is_launched_and_answers(
    served: tuple[GroundOf, int], which: Which, generation: int, service: str
) -> None:
    place, _ = served
    path = place.socket(generation)
    found = reach(which, path, want=want(service), generation=generation, patient=True, seconds=30, ask=(b"a", b"b"))
    assert (found.route, found.answers) == ("broker-negotiated", (b"a", b"b"))
    assert len(place.starts(service)) == 1


def test_many_at_once_find_one_daemon(served: tuple[GroundOf, int]) -> None:
    place, _ = served
    place.service("many")

    def one(number: int) -> Found:
        return reach(BOTH[number % 2], place.socket(1), want=want("many"), patient=True, seconds=30)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(one, range(16)))
    assert len({each.endpoint for each in found}) == 1
    assert [each.answers for each in found] == [(b"hello",)] * 16
    assert len(place.starts("many")) == 1


def test_by_the_programs_name(served: tuple[GroundOf, int]) -> None:
    place, _ = served
    caller = Caller(place.place, place.user)
    deadline = CLOCK.monotonic() + 30
    found = client_v2.connect_with_deadline(caller, "memoryd", "1.2.3", clock=CLOCK, deadline=deadline, service="first")
    found.stream.close()

    async def run() -> str:
        there = await client_async.connect(caller, "memoryd", "1.2.3", service="first")
        there.stream.close()
        return there.endpoint

    assert asyncio.run(run()) == found.endpoint


@pytest.mark.parametrize("which", BOTH)
@pytest.mark.parametrize(
    ("service", "version", "kind"),
    [("absent", "1.2.3", "service-unknown"), ("first", "1.2", "other"), ("Bad", "1.2.3", "other")],
)
def test_refusals(served: tuple[GroundOf, int], which: Which, service: str, version: str, kind: str) -> None:
    place, _ = served
    with pytest.raises(HelloRefused) as raised:
        reach(which, place.socket(1), want=want(service, version))
    assert raised.value.refusal.kind == kind


def test_questions(served: tuple[GroundOf, int]) -> None:
    place, pid = served
    more = {"uid": os.getuid(), "clock": CLOCK}
    status = ask(admin(AdminVerb.STATUS, json=True), place.socket(1), deadline=CLOCK.monotonic() + 30, **more)  # type: ignore[arg-type]
    assert json.loads(status.body)["broker_pid"] == pid
    for generation in (1, 2):
        page = ask(page_endpoint(), place.socket(generation), deadline=CLOCK.monotonic() + 30, **more)  # type: ignore[arg-type]
        assert (page.port, page.pid) == (0, pid)
    token = ask(session_token("absent"), place.socket(1), deadline=CLOCK.monotonic() + 30, **more)  # type: ignore[arg-type]
    assert token.found is False


@pytest.mark.parametrize("which", BOTH)
def test_a_broker_that_was_killed(which: Which) -> None:
    with ground() as place:
        with broker(place) as process:
            process.kill()
            process.wait(30)
        with pytest.raises(BrokerUnreachable) as raised:
            reach(which, place.socket(1), patient=True)
        assert isinstance(raised.value.error, ConnectionRefusedError)
