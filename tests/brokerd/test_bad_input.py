"""What a broker survives: broken, slow, silent, foreign and too many clients. Each gets its exact answer or none."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.wire_v1.admin import AdminRequest, AdminVerb
from iapeer_memory.broker.wire_v1.control import ErrorCode, Hello, HelloReply, Refused
from iapeer_memory.broker.wire_v1.frame import ADMIN, BROKER_HTTP, CONTROL, PROBE, Frame, request
from iapeer_memory.broker.wire_v1.framing import framed
from tests.support.brokered import GroundOf, body_from, broker, ground, wait_for

HASTY = {"RUNNING_PROCESS_BROKER_HELLO_TIMEOUT_MS": "700"}
"""For tests of the deadline alone: under any other a slow machine would meet it too."""
HELLO = framed(
    encode(
        request(
            CONTROL,
            encode(Hello(client_min_protocol=1, client_max_protocol=1, service_name="svc", wanted_version="1.2.3")),
            9,
        )
    )
)
STATUS = framed(encode(request(ADMIN, encode(AdminRequest(verb=AdminVerb.STATUS, json=True)), 9)))


@pytest.fixture(scope="module")
def place() -> Iterator[GroundOf]:
    with ground() as found:
        found.service("svc")
        with broker(found, rate_limit=0) as running:
            yield found
            assert running.poll() is None, "it went away"


@pytest.fixture(scope="module")
def hasty() -> Iterator[GroundOf]:
    """A broker that waits 0.7 s for a Hello."""
    with ground() as found, broker(found, HASTY):
        yield found


@pytest.fixture(autouse=True)
def goes_on(place: GroundOf) -> Iterator[None]:
    """After each of these the broker still serves."""
    yield
    assert place.hello("svc").negotiated is not None


def said(body: bytes) -> Refused:
    frame = decode(Frame, body)
    reply = decode(HelloReply, frame.payload)
    assert reply.refused is not None and frame.payload_protocol == CONTROL
    return reply.refused


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("whole", [HELLO, STATUS], ids=["hello", "admin"])
def test_a_frame_cut_at_every_byte(place: GroundOf, whole: bytes, generation: int) -> None:
    def cut(at: int) -> str:
        with place.connect(generation) as stream:
            stream.sendall(whole[:at])
            stream.shutdown(socket.SHUT_WR)
            return said(body_from(stream)).reason

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(cut, range(len(whole)))) == {"incomplete Hello frame"}


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"\x00" + HELLO[1:], ErrorCode.VERSION_UNSUPPORTED, "unsupported framing version"),
        (b"\x02" + HELLO[1:], ErrorCode.VERSION_UNSUPPORTED, "unsupported framing version"),
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCode.VERSION_UNSUPPORTED, "unsupported framing version"),
        (b"\x01\x01\x00\x01\x00" + bytes(65_537), ErrorCode.PEER_REJECTED, "initial Hello frame exceeds 64 KiB"),
        (b"\x01\x00\x00\x00\x01" + bytes(1 << 24), ErrorCode.PEER_REJECTED, "initial Hello frame exceeds 64 KiB"),
        (b"\x01\xff\xff\xff\xff", ErrorCode.PEER_REJECTED, "initial Hello frame exceeds 64 KiB"),
        (framed(b"\x0a\xff"), ErrorCode.PEER_REJECTED, "malformed broker Frame"),
        (framed(b""), ErrorCode.VERSION_UNSUPPORTED, "frame envelope_version is not v1"),
        (framed(encode(request(CONTROL, b"\x0a\xff", 1))), ErrorCode.PEER_REJECTED, "malformed Hello payload"),
        (
            framed(encode(request(PROBE, bytes(32), 1))),
            ErrorCode.PEER_REJECTED,
            "Hello frame payload_protocol must be control-plane",
        ),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_each_fault_has_its_answer(place: GroundOf, data: bytes, code: int, reason: str) -> None:
    """Also for a client that is still sending when it is refused."""
    found = said(place.raw(data))
    assert (found.code, found.reason, found.retry_after_ms) == (code, reason, 0)


def test_the_reply_bears_the_context_of_the_request(place: GroundOf) -> None:
    asked = Frame(envelope_version=1, request_id=77, traceparent="00-aa", tracestate="rp=1", payload=b"\x0a\xff")
    reply = place.ask(asked)
    assert (reply.kind, reply.request_id, reply.traceparent, reply.tracestate) == (1, 77, "00-aa", "rp=1")
    unread = decode(Frame, place.raw(framed(b"\x0a\xff")))
    assert (unread.kind, unread.request_id, unread.traceparent) == (1, 0, "")


def test_what_follows_the_first_frame_is_not_read(place: GroundOf) -> None:
    frame = decode(Frame, place.raw(HELLO + b"\xff" * 1_000))
    assert decode(HelloReply, frame.payload).negotiated is not None


def test_garbage(place: GroundOf) -> None:
    """Anything at all: answered with a refusal or closed, and never more than one answer."""
    dice = random.Random(4)

    def throw(blob: bytes) -> None:
        with place.connect(dice.choice((1, 2))) as stream:
            with suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(blob)
                stream.shutdown(socket.SHUT_WR)
            with suppress(EOFError):
                assert said(body_from(stream)).code in (1, 6)
            assert stream.recv(1) == b""

    blobs = [dice.randbytes(dice.randrange(200)) for _ in range(60)]
    blobs += [framed(dice.randbytes(dice.randrange(200))) for _ in range(60)]
    for _ in range(120):
        torn = bytearray(HELLO)
        torn[dice.randrange(5, len(torn))] ^= 1 << dice.randrange(8)
        blobs.append(bytes(torn))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(survives(place, throw), blobs))


def survives(place: GroundOf, throw: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """A torn Hello may still be one: then a grant is an answer too."""

    def run(blob: bytes) -> None:
        try:
            throw(blob)
        except AssertionError:
            reply = decode(HelloReply, decode(Frame, place.raw(blob)).payload)
            assert reply.negotiated or reply.refused

    return run


@pytest.mark.parametrize(
    "frame",
    [
        Frame(envelope_version=2, payload_protocol=ADMIN, payload=b"\x08\x04"),
        Frame(envelope_version=1, kind=2, payload_protocol=ADMIN, payload=b"\x08\x04"),
        Frame(envelope_version=1, payload_protocol=ADMIN, payload=b"\x0a\xff"),
        Frame(envelope_version=1, kind=2, payload_protocol=BROKER_HTTP, payload=b"\x08\x50"),
    ],
)
def test_a_bad_frame_for_the_operator_gets_no_answer(place: GroundOf, frame: Frame) -> None:
    with pytest.raises(EOFError):
        place.ask(frame)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_definitions_that_others_could_have_put_there(place: GroundOf, mode: int) -> None:
    place.definitions.chmod(mode)
    try:
        found = place.hello("svc").refused
    finally:
        place.definitions.chmod(0o700)
    assert found is not None and found.code == ErrorCode.SERVICE_UNKNOWN
    assert found.reason == f"service definition could not be loaded: folder is open to others (mode {mode:04o})"


@pytest.mark.parametrize("data", [b"", b"\x0a", b"\xff" * 9, bytes(1 << 21)], ids=["empty", "cut", "garbage", "huge"])
def test_a_definition_that_is_none(place: GroundOf, data: bytes) -> None:
    place.service("torn")
    (place.definitions / "torn.servicedef").write_bytes(data)
    found = place.hello("torn").refused
    assert found is not None and found.code == ErrorCode.SERVICE_UNKNOWN
    assert found.reason.startswith("service definition could not be loaded: ") and "\n" not in found.reason


def test_silence_ends_at_the_deadline(hasty: GroundOf) -> None:
    with hasty.connect() as stream:
        began = time.monotonic()
        assert said(body_from(stream)).reason == "incomplete Hello frame"
        assert time.monotonic() - began >= 0.6


def test_a_trickle_does_not_move_the_deadline(hasty: GroundOf) -> None:
    """A byte each tenth of a second would take five seconds; the broker waits for 0.7."""
    sent = 0
    with hasty.connect() as stream:
        while not select.select([stream], [], [], 0.1)[0]:
            stream.sendall(HELLO[sent : sent + 1])
            sent += 1
        assert said(body_from(stream)).reason == "incomplete Hello frame"
    assert 0 < sent < len(HELLO)


def test_a_client_that_is_gone_before_its_answer(place: GroundOf) -> None:
    for _ in range(50):
        with place.connect() as stream:
            stream.sendall(HELLO)
    wait_for(lambda: open_now(place) == 1)
    assert place.hello("svc").negotiated is not None


def open_now(place: GroundOf) -> int:
    """Connections of the broker, the one that asks included."""
    found: int = json.loads(place.admin(AdminVerb.STATUS, json=True).body)["connections_open"]
    return found


def test_a_thousand_silent_connections_keep_nobody_out(place: GroundOf) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(place.connect()) for _ in range(1_000)]
        assert place.hello("svc").negotiated is not None
        # Those that were silent longest made room, with the same answer as at their deadline.
        assert said(body_from(silent[0])).reason == "incomplete Hello frame"
        assert open_now(place) <= 256
    wait_for(lambda: open_now(place) == 1)


def test_a_flood_of_faults_keeps_nobody_out(place: GroundOf) -> None:
    def flood(_: int) -> None:
        for _ in range(40):
            with place.connect() as stream:
                stream.sendall(framed(b"\x0a\xff"))

    with ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(flood, number) for number in range(8)]
        for _ in range(20):
            assert place.hello("svc").negotiated is not None
        for one in floods:
            one.result()


@pytest.mark.skipif(os.getuid() != 0, reason="needs to be somebody else for a moment")
def test_another_user_is_dropped_without_a_word() -> None:
    with ground() as place, broker(place):
        path = place.socket()
        for folder in (place.folder, place.folder / "running-process", os.path.dirname(path)):
            os.chmod(folder, 0o755)
        os.chmod(path, 0o666)
        child = os.fork()
        if child == 0:
            os._exit(as_somebody_else(path))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        document = json.loads(place.admin(AdminVerb.STATUS, json=True).body)
        assert (document["connections_turned_away"], document["connections_open"]) == (1, 1)


def as_somebody_else(path: str) -> int:
    """0: connected and got not one byte."""
    try:
        os.setgid(65_534)
        os.setuid(65_534)
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(10)
            stream.connect(path)
            with suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(HELLO)
            with suppress(ConnectionResetError):
                return 1 if stream.recv(1) else 0
            return 0
    except BaseException:
        return 2


def test_no_descriptors_left_and_some_again() -> None:
    with (
        ground() as place,
        broker(place, HASTY | {"RUNNING_PROCESS_BROKER_MAX_INFLIGHT_HANDLERS": "4096"}) as running,
    ):
        place.service("svc")
        assert place.hello("svc").negotiated is not None
        open_now = len(os.listdir(f"/proc/{running.pid}/fd"))
        before = resource.prlimit(running.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (open_now + 8, before[1]))
        with ExitStack() as stack:
            for _ in range(30):
                stack.enter_context(place.connect())
            # Its silent clients reach their deadlines, it accepts again, and for three connections it is cautious.
            wait_for(lambda: json.loads(place.admin(AdminVerb.STATUS, json=True).body)["fd_pressure"]["times"])
        wait_for(lambda: place.hello("svc").negotiated)
        assert running.poll() is None


def test_under_pressure_the_silent_give_way_and_the_operator_is_served() -> None:
    with ground() as place, broker(place) as running:
        place.service("svc")
        open_now = len(os.listdir(f"/proc/{running.pid}/fd"))
        before = resource.prlimit(running.pid, resource.RLIMIT_NOFILE)
        with place.connect() as early, ExitStack() as stack:
            wait_for(lambda: len(os.listdir(f"/proc/{running.pid}/fd")) == open_now + 1)
            resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (open_now + 1, before[1]))
            stack.enter_context(place.connect())
            # No room for the second one: the first, which has said nothing, is given up for it.
            found = said(body_from(early))
            assert (found.code, found.retry_after_ms) == (ErrorCode.FD_PRESSURE, 1_000)
            assert place.admin(AdminVerb.READYZ).body == "not ready\n"
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, before)
        wait_for(lambda: place.hello("svc").negotiated)
