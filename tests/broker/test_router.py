"""The router: each row of the refusal table in its order, grants, keys, budgets, crashes, idle times, generations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.server import keeping, refusals
from iapeer_memory.broker.server.exchange import exchange
from iapeer_memory.broker.server.grants import not_up_yet
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.rate import RateLimiter
from iapeer_memory.broker.server.refusals import IN_V2, TABLE, Refusal
from iapeer_memory.broker.server.screen import Generation, Peer
from iapeer_memory.broker.server.starting import Failed, Found, Start
from iapeer_memory.broker.server.tokens import SessionTokens
from iapeer_memory.broker.wire_v1.control import ErrorCode, Hello, HelloReply, Negotiated, Refused
from iapeer_memory.broker.wire_v1.frame import Frame
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v2.service import ServiceDefinition

EXPECTED = [
    ("VERSION_UNSUPPORTED", "unsupported framing version", 0),
    ("PEER_REJECTED", "initial Hello frame exceeds 64 KiB", 0),
    ("PEER_REJECTED", "incomplete Hello frame", 0),
    ("PEER_REJECTED", "malformed broker Frame", 0),
    ("FD_PRESSURE", "broker is low on file descriptors; retry shortly", 1000),
    ("VERSION_UNSUPPORTED", "frame envelope_version is not v1", 0),
    ("PEER_REJECTED", "Hello frame kind must be REQUEST", 0),
    ("PEER_REJECTED", "Hello frame payload_protocol must be control-plane", 0),
    ("PEER_REJECTED", "Hello payload must not be compressed", 0),
    ("PEER_REJECTED", "malformed Hello payload", 0),
    ("VERSION_UNSUPPORTED", "client protocol range does not include v1", 0),
    ("PEER_REJECTED", "invalid service_name", 0),
    ("PEER_REJECTED", "invalid wanted_version", 0),
    ("PEER_REJECTED", "client_version exceeds 128 bytes", 0),
    ("PEER_REJECTED", "client_lib fields exceed 64 bytes", 0),
    ("PEER_REJECTED", "peer_pid does not match verified peer", 0),
    ("SERVICE_UNKNOWN", "service definition was not found", 0),
    ("SERVICE_UNKNOWN", "service definition could not be loaded: {detail}", 0),
    ("VERSION_BLOCKED", "wanted_version is below min_version", 30000),
    ("VERSION_BLOCKED", "wanted_version is not in version_allow_list", 30000),
    ("INTERNAL", "service isolation could not be resolved: {detail}", 0),
    ("RATE_LIMITED", "backend spawn already in progress", 1000),
    ("RATE_LIMITED", "backend spawn budget exhausted", None),
    ("BACKEND_SPAWN_FAILED", "backend is not registered", 1000),
    ("BACKEND_SPAWN_FAILED", "backend spawn failed: {detail}", 1000),
    ("INTERNAL", "launched backend identity did not match request", 0),
    ("RATE_LIMITED", "Hello rate limit exceeded", None),
    ("SERVICE_UNKNOWN", "service is not registered", 0),
    ("PEER_REJECTED", "{detail}", 0),
]


@dataclass
class Standing:
    """A backend that is whatever the test says."""

    pid: int = 40
    path: str = "/run/be.sock"
    idle_timeout_secs: int | None = None
    alive: bool = True
    closed: int = 0

    def is_alive(self) -> bool:
        return self.alive

    def stop(self, wait: float) -> str | None:
        self.alive = False
        return None

    def close(self) -> None:
        self.closed += 1


@dataclass
class World:
    """Definitions and program hashes as the disk would have them."""

    definitions: dict[str, ServiceDefinition | Exception] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def definition(self, name: str) -> ServiceDefinition | None:
        found = self.definitions.get(name)
        if isinstance(found, Exception):
            raise found
        return found

    def exe_hash(self, path: str) -> str:
        return self.hashes.get(path, "")

    def router(self, **fields: Any) -> Router:
        return Router(self.definition, self.exe_hash, "9.9.9", **fields)


ME = Peer(1000, 77)
GOOD = Hello(client_min_protocol=1, client_max_protocol=1, service_name="svc", wanted_version="1.2.3")
SERVED = ServiceDefinition(service_name="svc", binary_path="/opt/svc", isolation=1)


def frame(hello: Hello = GOOD, **fields: Any) -> Frame:
    return Frame(envelope_version=1, payload=encode(hello), request_id=5, **fields)


def world(definition: ServiceDefinition | Exception | None = SERVED) -> World:
    return World({} if definition is None else {"svc": definition}, {"/opt/svc": "aa"})


def refused(reply: HelloReply | Start | None) -> Refused:
    assert isinstance(reply, HelloReply) and reply.refused is not None, reply
    return reply.refused


def granted(reply: HelloReply | Start | None) -> Negotiated:
    assert isinstance(reply, HelloReply) and reply.negotiated is not None, reply
    return reply.negotiated


def asked(router: Router, hello: Hello = GOOD, generation: Generation = 1, now: int = 0) -> HelloReply | Start:
    return router.answer(frame(hello), ME, generation, now, 1_000_000 + now)


def up(
    router: Router, backend: Standing | None = None, hello: Hello = GOOD, now: int = 0, ours: bool = True
) -> Standing:
    """Have the router launch that backend."""
    start = asked(router, hello, now=now)
    assert isinstance(start, Start), start
    backend = backend or Standing()
    granted(router.started(start, Found(backend, ours=ours), now, now))
    return backend


def test_the_table_is_as_clients_know_it() -> None:
    codes = {number: name for name, number in vars(ErrorCode).items() if isinstance(number, int)}
    assert [(codes[row.code], row.reason, row.retry_after_ms) for row in TABLE] == EXPECTED
    assert len({row.name for row in TABLE}) == len(TABLE)
    assert set(IN_V2) <= {row.name for row in TABLE}


def test_details_of_others_become_one_printable_line() -> None:
    said = refusals.LAUNCH_FAILED.reply(detail="a\nb\x1b[2J" + "x" * 900).refused
    assert said is not None
    assert said.reason.startswith("backend spawn failed: a b [2Jx")
    assert said.reason.isprintable()
    assert len(said.reason) < 450


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (b"\x02\x00\x00\x00\x00", refusals.FRAMING),
        (b"\x02", refusals.FRAMING),
        (b"\x01\x01\x00\x01\x00", refusals.OVERSIZE),
        (b"\x01\xff\xff\xff\xff", refusals.OVERSIZE),
        (framed(b"\x0a\xff"), refusals.NO_FRAME),
    ],
)
def test_what_is_no_frame(data: bytes, row: Refusal) -> None:
    assert exchange().feed(data) == row


def test_64_kib_are_not_too_much() -> None:
    body = encode(frame(replace(GOOD, auth_token=b"x" * 65_000)))
    found = exchange().feed(framed(body + b"\x7a" + bytes([2]) + b"zz"))
    assert isinstance(found, Frame)


BROKEN = DefinitionRefused("decode", "/d/svc.servicedef", "is no service definition")
FIXES: list[tuple[Refusal, Callable[[dict[str, Any]], None]]] = []
"""Rows that one answer can give, each with what mends it; in the order of the table."""


def mends(row: Refusal) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    def put(fix: Callable[[dict[str, Any]], None]) -> None:
        FIXES.append((row, fix))

    return put


mends(refusals.FD_PRESSURE)(lambda case: setattr(case["router"].pressure, "demoted", False))
mends(refusals.ENVELOPE)(lambda case: case["frame"].update(envelope_version=1))
mends(refusals.KIND)(lambda case: case["frame"].update(kind=0))
mends(refusals.LANE)(lambda case: case["frame"].update(payload_protocol=0))
mends(refusals.ENCODING)(lambda case: case["frame"].update(payload_encoding=0))
mends(refusals.NO_HELLO)(lambda case: case.update(garbage=False))
mends(refusals.PROTOCOL_RANGE)(lambda case: case["hello"].update(client_min_protocol=1, client_max_protocol=3))
mends(refusals.SERVICE_NAME)(lambda case: case["hello"].update(service_name="svc"))
mends(refusals.WANTED_VERSION)(lambda case: case["hello"].update(wanted_version="1.2.3"))
mends(refusals.CLIENT_VERSION)(lambda case: case["hello"].update(client_version="x" * 128))
mends(refusals.CLIENT_LIB)(lambda case: case["hello"].update(client_lib_name="x" * 64, client_lib_version="x" * 64))
mends(refusals.PEER_PID)(lambda case: case["hello"].update(peer_pid=77))
mends(refusals.NO_DEFINITION)(lambda case: case["world"].definitions.update(svc=BROKEN))
mends(refusals.BAD_DEFINITION)(
    lambda case: case["world"].definitions.update(
        svc=replace(SERVED, min_version="2.0.0", version_allow_list=("7.7.7",), isolation=9)
    )
)
mends(refusals.BELOW_FLOOR)(
    lambda case: case["world"].definitions.update(svc=replace(SERVED, version_allow_list=("7.7.7",), isolation=9))
)
mends(refusals.NOT_ALLOWED)(lambda case: case["world"].definitions.update(svc=replace(SERVED, isolation=9)))
mends(refusals.ISOLATION)(lambda case: case["world"].definitions.update(svc=SERVED))


def test_each_row_hides_those_below_it() -> None:
    """A Hello that is wrong in every way is mended row by row; each answer is the next row."""
    disk = World({}, {"/opt/svc": "aa"})
    router = disk.router()
    router.pressure.failed()
    case: dict[str, Any] = {
        "router": router,
        "world": disk,
        "garbage": True,
        "frame": {"envelope_version": 2, "kind": 1, "payload_protocol": 9, "payload_encoding": 1},
        "hello": {
            "client_min_protocol": 2,
            "client_max_protocol": 1,
            "service_name": "../SVC",
            "wanted_version": "$(reboot)",
            "client_version": "x" * 129,
            "client_lib_name": "é" * 33,
            "peer_pid": 78,
        },
    }
    seen = []
    for row, fix in FIXES:
        payload = b"\x0a\xff" if case["garbage"] else encode(Hello(**case["hello"]))
        said = refused(router.answer(Frame(payload=payload, **case["frame"]), ME, 1, 0, 0))
        assert said.reason.startswith(row.reason.partition("{")[0])
        assert (said.code, said.retry_after_ms) == (row.code, row.retry_after_ms)
        assert (said.daemon_min_protocol, said.daemon_max_protocol) == (1, 1)
        seen.append(row)
        fix(case)
    assert seen == list(TABLE[4:21])
    assert isinstance(router.answer(frame(Hello(**case["hello"])), ME, 1, 0, 0), Start)


def test_flight_then_budget_then_launcher_then_failure() -> None:
    router = world().router()
    start = asked(router)
    assert isinstance(start, Start) and start.may_launch
    assert refused(asked(router)).reason == "backend spawn already in progress"
    said = refused(router.started(start, Failed("it\nfell over"), 0, 0))
    assert (said.reason, said.retry_after_ms) == ("backend spawn failed: it fell over", 1000)
    for _ in range(2):
        again = asked(router)
        assert isinstance(again, Start)
        assert refused(router.started(again, Failed("x", mismatch=True), 0, 0)).code == ErrorCode.INTERNAL
    # The budget is used up: a backend that runs is still found, none is launched.
    last = asked(router, now=10_000)
    assert isinstance(last, Start) and not last.may_launch
    said = refused(router.started(last, None, 10_000, 0))
    assert (said.reason, said.retry_after_ms) == ("backend spawn budget exhausted", 20_000)
    found = asked(router, now=11_000)
    assert isinstance(found, Start)
    granted(router.started(found, Found(Standing(), ours=False), 11_000, 0))


def test_a_broker_that_launches_nothing() -> None:
    router = world().router(launches=False)
    for _ in range(5):
        start = asked(router)
        assert isinstance(start, Start) and not start.may_launch
        said = refused(router.started(start, None, 0, 0))
        assert (said.reason, said.code) == ("backend is not registered", ErrorCode.BACKEND_SPAWN_FAILED)


def test_what_a_grant_holds() -> None:
    router = world().router()
    up(router)
    said = granted(asked(router))
    assert said == Negotiated(
        negotiated_protocol=1,
        daemon_version="1.2.3",
        backend_pipe="/run/be.sock",
        keepalive_interval_secs=1800,
        connection_id=2,
    )
    said = granted(asked(router, replace(GOOD, client_keepalive_secs=5, connection_id=44)))
    assert (said.keepalive_interval_secs, said.connection_id) == (5, 3)


def test_generation_2_answers_in_its_own_words() -> None:
    router = world().router()
    up(router)
    hello = replace(GOOD, client_keepalive_secs=5, connection_id=44)
    said = granted(asked(router, hello, generation=2))
    assert (said.daemon_version, said.keepalive_interval_secs, said.connection_id) == ("9.9.9", 0, 44)
    far = replace(GOOD, client_min_protocol=2, client_max_protocol=2)
    assert refused(asked(router, far, generation=2)).reason == IN_V2["protocol-range"].reason
    bad = refused(asked(router, replace(GOOD, service_name="A"), generation=2))
    assert (bad.code, bad.reason) == (ErrorCode.SERVICE_UNKNOWN, "service name is invalid")
    strict = World({"svc": replace(SERVED, min_version="1.10.0")}, {}).router()
    said_no = refused(asked(strict, replace(GOOD, wanted_version="1.9.0"), generation=2))
    assert (said_no.reason, said_no.retry_after_ms) == ('wanted_version "1.9.0" is below min_version "1.10.0"', 0)
    listed = World({"svc": replace(SERVED, version_allow_list=("2.0.0",))}, {}).router()
    assert refused(asked(listed, generation=2)).reason == 'wanted_version "1.2.3" is not in version_allow_list'
    start = asked(world().router(), replace(GOOD, wanted_version=""), generation=2)
    assert isinstance(start, Start) and start.greeting is not None
    assert granted(not_up_yet(start.greeting, broker_version="9.9.9")).backend_pipe == ""


def test_a_backend_is_launched_once_and_reused_until_it_dies() -> None:
    router = world().router()
    backend = up(router)
    assert [granted(asked(router)).connection_id for _ in range(3)] == [2, 3, 4]
    backend.alive = False
    again = asked(router)
    assert isinstance(again, Start) and again.delay_ms == 250
    assert backend.closed == 1


def test_a_rebuilt_program_is_another_backend() -> None:
    disk = world()
    router = disk.router()
    old = up(router)
    disk.hashes["/opt/svc"] = "bb"
    new = up(router, Standing(pid=41, path="/run/new.sock"))
    assert granted(asked(router)).backend_pipe == new.path
    disk.hashes["/opt/svc"] = "aa"
    assert granted(asked(router)).backend_pipe == old.path


def test_instances_do_not_see_each_other() -> None:
    disk = world()
    router = disk.router()
    up(router)
    disk.definitions["svc"] = replace(SERVED, isolation=0)
    start = asked(router)
    assert isinstance(start, Start) and start.key.instance == "private:svc"


def test_a_definition_counts_as_it_is_now() -> None:
    disk = world()
    router = disk.router()
    up(router)
    disk.definitions["svc"] = replace(SERVED, min_version="2.0.0")
    assert refused(asked(router)).code == ErrorCode.VERSION_BLOCKED
    del disk.definitions["svc"]
    assert refused(asked(router)).code == ErrorCode.SERVICE_UNKNOWN


def test_one_limiter_for_all_and_ids_only_for_grants() -> None:
    router = world().router(rate=RateLimiter(limit=3))
    up(router)
    assert [granted(asked(router)).connection_id for _ in range(2)] == [2, 3]
    said = refused(asked(router, generation=2, now=400))
    assert (said.reason, said.retry_after_ms) == ("Hello rate limit exceeded", 600)
    assert granted(router.answer(frame(), Peer(1000, 78), 1, 400, 0)).connection_id == 4
    assert granted(router.answer(frame(), Peer(1000, 0), 1, 400, 0)).connection_id == 5


def tokens() -> SessionTokens:
    numbers = iter(range(1, 200))
    return SessionTokens(lambda count: bytes([next(numbers)]) * count)


def test_a_session_ends_with_its_daemon() -> None:
    router = world().router(tokens=tokens())
    start = asked(router)
    assert isinstance(start, Start) and len(start.token) == 32
    backend = Standing()
    granted(router.started(start, Found(backend, ours=True), 0, 0))
    session = replace(GOOD, auth_token=start.token)
    granted(asked(router, session))
    assert refused(asked(router, replace(GOOD, auth_token=b"short"))).reason.endswith("wrong byte length")
    backend.alive = False
    again = asked(router, session)
    assert isinstance(again, Start)
    said = refused(router.started(again, Found(Standing(), ours=True), 0, 0))
    assert said.reason == "session invalidated: daemon was restarted since this token was issued"


def test_a_storm_of_starts_voids_every_session() -> None:
    router = world().router(tokens=tokens())
    for _ in range(3):
        start = asked(router)
        assert isinstance(start, Start)
        router.started(start, Failed("x"), 0, 0)
    assert router.tokens is not None
    kept = router.tokens.register("elsewhere")
    stormed = asked(router)
    assert isinstance(stormed, Start)
    assert "broker was restarted" in str(router.tokens.objection("elsewhere", kept))


def test_crashes_are_recovered_once_in_a_window() -> None:
    router = world().router()
    up(router).alive = False
    (start,) = keeping.recoveries(router, 1_000)
    assert (start.greeting, start.delay_ms, start.may_launch) == (None, 250, True)
    assert refused(asked(router, now=1_000)).reason == "backend spawn already in progress"
    second = Standing(pid=41)
    assert router.started(start, Found(second, ours=True), 1_300, 0) is None
    granted(asked(router, now=1_400))
    second.alive = False
    assert keeping.recoveries(router, 2_000) == ()
    down = asked(router, now=3_000)
    assert isinstance(down, Start) and not down.may_launch
    said = refused(router.started(down, None, 3_000, 0))
    assert (said.reason, said.retry_after_ms) == ("backend spawn budget exhausted", 28_000)
    later = asked(router, now=31_001)
    assert isinstance(later, Start) and later.may_launch


def test_what_others_keep_alive_is_left_to_them() -> None:
    router = world().router()
    up(router, ours=False).alive = False
    assert keeping.recoveries(router, 1_000) == ()


def test_a_program_that_was_replaced_is_not_recovered_as_the_old_one() -> None:
    disk = world()
    router = disk.router()
    up(router).alive = False
    disk.hashes["/opt/svc"] = "bb"
    assert keeping.recoveries(router, 1_000) == ()


def test_idle_backends_are_quiesced_and_stopped_in_order() -> None:
    router = world().router()
    backend = up(router, Standing(idle_timeout_secs=30))
    open_now = {"/run/be.sock": 1}
    assert keeping.idle(router, 29_999, lambda path: 0) == ()
    assert keeping.idle(router, 30_000, open_now.get) == ()
    assert keeping.idle(router, 59_999, lambda path: 0) == ()
    assert keeping.idle(router, 60_000, lambda path: None) == ()
    (entry,) = keeping.idle(router, 60_000, lambda path: 0)
    assert entry.quiesced == "IdleTimeout"
    assert keeping.idle(router, 61_000, lambda path: 0) == ()
    assert refused(asked(router, now=60_500)).reason == "backend spawn already in progress"
    assert entry.backend.stop(1) is None
    keeping.stopped(router, entry, None)
    assert len(router.backends) == 0 and not backend.alive
    assert keeping.recoveries(router, 62_000) == ()
    start = asked(router, now=62_000)
    assert isinstance(start, Start) and start.delay_ms == 0


def test_a_backend_that_would_not_stop_serves_on() -> None:
    router = world().router()
    up(router, Standing(idle_timeout_secs=1))
    (entry,) = keeping.idle(router, 5_000, lambda path: 0)
    keeping.stopped(router, entry, "it still runs")
    assert granted(asked(router, now=5_001)).backend_pipe == entry.backend.path
    assert router.backends.all() == (entry,) and not entry.quiesced


def test_who_is_not_ours_is_never_stopped() -> None:
    router = world().router()
    up(router, Standing(idle_timeout_secs=1), ours=False)
    assert keeping.idle(router, 1_000_000, lambda path: 0) == ()


def test_a_broker_that_ends_says_so() -> None:
    router = world().router()
    up(router)
    router.draining = True
    said = refused(asked(router))
    assert (said.code, said.retry_after_ms) == (ErrorCode.SHUTTING_DOWN, 1000)
    assert not router.accepting
