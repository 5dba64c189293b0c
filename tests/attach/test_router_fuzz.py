"""Whatever is said by whom in which order, the router raises nothing, mixes up nobody and keeps nothing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.attach import bodies, control
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.envelope import HELLO, REQUEST, encoded
from iapeer_memory.attach.identity import Root
from tests.support.traced import Traced, manifest

BARE = (6, 7, 8, 11)
BODIES = st.one_of(
    st.sampled_from(
        [
            b"",
            b'{"accept":true}',
            b'{"accept":false}',
            bodies.error_body("x", "y"),
            bodies.status_update(1, "s"),
            bodies.status_update(2, "s"),
            bodies.poll("status", 1),
            bodies.attach_request(bodies.Identity("/p", "h", "s"), ()),
            control.hello_body(manifest(concurrency="serial"), 1),
            control.hello_body(manifest("other", provides=[]), 1),
        ]
    ),
    st.binary(max_size=8),
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A frame that is well formed, for a place where something may be."""
    kind = draw(st.integers(0, 11))
    body = b"" if kind in BARE else draw(BODIES)
    return encoded(kind, draw(st.integers(0, 4)), draw(st.integers(0, 4)), body, flags=draw(st.sampled_from([0, 2])))


STEPS = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 4), frames()),
    st.tuples(st.just("say"), st.integers(0, 4), frames()),
    st.tuples(st.just("attach"), st.integers(0, 4), st.integers(0, 9)),
    st.tuples(st.just("accept"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("junk"), st.integers(0, 4), st.binary(max_size=20)),
    st.tuples(st.just("gone"), st.integers(0, 4), st.none()),
    st.tuples(st.just("look"), st.booleans(), st.none()),
    st.tuples(st.just("wait"), st.integers(0, 15), st.none()),
    st.tuples(st.just("unread"), st.integers(0, 4), st.sampled_from([0, 1 << 21, 1 << 24, 1 << 27])),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_nothing_is_left(steps: list[tuple[str, int, object]]) -> None:
    traced = Traced(look_up=False)
    ends = [traced.module(concurrency="serial"), *(traced.come() for _ in range(4))]
    relays: list[tuple[Connection, int]] = []

    for what, who, with_ in steps:
        end = ends[who % 5]
        if what in ("say", "junk") and not end.closed:
            assert isinstance(with_, bytes)
            traced.bytes(end, with_)
        elif what == "attach" and isinstance(with_, int) and not end.closed:
            traced.ask(end, with_)
        elif what == "accept" and relays:
            module, relay = relays.pop(who % len(relays))
            if not module.closed:
                traced.say(module, 1, 0, relay, bodies.relay_answer(bool(with_)))
        elif what == "gone":
            traced.gone(end)
            ends[who] = traced.come()
        elif what == "look":
            traced.found(None if who else Root("", "no"))
        elif what == "wait":
            traced.wait(who)
        elif what == "unread" and isinstance(with_, int):
            end.unsent = with_
        for one in ends:
            unsent = one.unsent
            for frame in traced.frames(one):
                if frame.kind == REQUEST and not frame.channel and frame.corr:
                    relays.append((one, frame.corr))
            one.unsent = unsent
        consistent(traced)

    for end in ends:
        traced.gone(end)
    traced.found()
    assert not any(traced.router.counts().values())
    assert not traced.router.sessions(traced.now)
    assert traced.router.deadline() is None


def consistent(traced: Traced) -> None:
    """What one table says, the other says too."""
    router = traced.router
    counts = router.counts()
    assert counts["routes"] == counts["bound"]
    assert counts["channels"] == counts["routes"] + counts["relays"]
    assert counts["relays"] <= counts["attaching"]
    assert counts["statuses"] <= counts["channels"]
    assert counts["attaching"] == sum(one.attaching for one in router._connections)
    for one in router._connections:
        for channel, route in one.routes.items():
            assert route.client.routes[channel] is route.module.routes[channel] is route
            assert route.client in router._connections
            assert route.module in router._connections


def test_a_hello_at_every_place() -> None:
    data = encoded(HELLO, 0, 1, control.hello_body(manifest(), 1))
    for cut in range(len(data)):
        traced = Traced()
        end = traced.come()
        traced.bytes(end, data[:cut])
        assert traced.router.counts()["modules"] == 0
        traced.gone(end)
        assert not any(traced.router.counts().values())


def test_an_end_that_dies_at_any_byte_of_its_story() -> None:
    """The client's story is an attach, a request, a goodbye; the module's a hello, an accept, an answer, a status."""
    asks = bodies.attach_request(bodies.Identity("/p", "h", "s"), (bodies.Tier("user", "/u", "{}"),))
    client_says = [encoded(REQUEST, 0, 1, asks), encoded(REQUEST, 1, 2, b"q"), encoded(11, 1, 0)]
    module_says = [
        encoded(HELLO, 0, 1, control.hello_body(manifest(), 1)),
        encoded(1, 0, 1, bodies.relay_answer(True)),
        encoded(2, 0, 0, bodies.status_update(1, "s")),
        encoded(1, 1, 2, b"a"),
    ]
    # Who says what, in the order of a session that goes well.
    order = [(1, 0), (0, 0), (1, 1), (1, 2), (0, 1), (1, 3), (0, 2)]
    for dies in (0, 1):
        whole = sum(len(frame) for frame in (client_says, module_says)[dies])
        for cut in range(whole + 1):
            traced = Traced()
            ends = [traced.come(), traced.come()]
            left = cut
            for who, number in order:
                data = (client_says, module_says)[who][number]
                if who == dies:
                    data, left = data[:left], left - len(data[:left])
                if data and not ends[who].closed:
                    traced.bytes(ends[who], data)
                if who == dies and not left:
                    break
            traced.gone(ends[dies])
            assert traced.empty() or dies == 1
            traced.wait(15)
            assert traced.empty()
            traced.gone(ends[1 - dies])
            assert not any(traced.router.counts().values())
