"""The operator's desk: every verb, its content type and exit code, the metrics' names; and the broker's own lane."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from iapeer_memory.broker.fs_health import InodeHealth
from iapeer_memory.broker.http.endpoints import Endpoints
from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.server import admin
from iapeer_memory.broker.server.admin import About, Setting
from iapeer_memory.broker.server.hello import Router
from iapeer_memory.broker.server.lane import Lane
from iapeer_memory.broker.server.metrics import BUCKETS, Gauges, Hellos, openmetrics
from iapeer_memory.broker.server.screen import Peer
from iapeer_memory.broker.server.starting import Found, Start
from iapeer_memory.broker.server.tokens import SessionTokens
from iapeer_memory.broker.wire_v1.admin import AdminReply, AdminRequest, AdminVerb
from iapeer_memory.broker.wire_v1.control import Hello
from iapeer_memory.broker.wire_v1.frame import ADMIN, BROKER_HTTP, Frame, FrameKind
from iapeer_memory.broker.wire_v2.control import (
    BackendHttpReady,
    GetBrokerHttpEndpointResponse,
    GetSessionTokenRequest,
    GetSessionTokenResponse,
)
from iapeer_memory.broker.wire_v2.service import ServiceDefinition

NAMES = [
    "hello_total",
    "hello_duration_seconds",
    "active_backends",
    "spawn_attempts_total",
    "spawn_budget_remaining",
    "connections_open",
    "fd_usage_ratio",
    "uptime_seconds",
]


class Standing:
    """A live backend."""

    pid = 40
    path = "/run/be.sock"
    idle_timeout_secs = None

    def is_alive(self) -> bool:
        return True

    def stop(self, wait: float) -> str | None:
        return None

    def close(self) -> None:
        return


def about(**fields: Any) -> About:
    """A broker with one backend."""
    definition = ServiceDefinition(service_name="svc", binary_path="/opt/svc", isolation=1)
    tokens = SessionTokens(lambda count: b"t" * count)
    router = Router(lambda name: definition, lambda path: "aa", "9.9.9", tokens=tokens)
    hello = Hello(client_min_protocol=1, client_max_protocol=1, service_name="svc", wanted_version="1.2.3")
    start = router.answer(Frame(envelope_version=1, payload=encode(hello)), Peer(0, 7), 1, 0, 0)
    assert isinstance(start, Start)
    router.started(start, Found(Standing(), ours=True), 500, 1_700_000_000_000)
    settings = {"limits": {"connections": Setting(256, "default")}}
    given = {"inodes": lambda: InodeHealth(100, 40), "fd_usage": lambda: 0.25} | fields
    return About("shared", 12, "/run/b.sock", 0, router, Hellos(), settings, **given)


def request(verb: int, **fields: Any) -> Frame:
    payload = encode(AdminRequest(verb=verb, **fields))
    return Frame(envelope_version=1, payload_protocol=ADMIN, payload=payload, request_id=3)


def told(verb: int, broker: About | None = None, **fields: Any) -> AdminReply:
    answered = admin.answer(broker or about(), request(verb, **fields), 2_500, 1_700_000_002_000)
    assert answered is not None
    return answered.reply


def document(verb: int, broker: About | None = None, **fields: Any) -> dict[str, Any]:
    reply = told(verb, broker, json=True, **fields)
    assert (reply.kind, reply.content_type, reply.exit_code) == (1, "application/json", 0)
    found = json.loads(reply.body)
    assert (found.pop("schema_version"), found.pop("generated_at_unix_ms")) == (1, 1_700_000_002_000)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("verb", "demoted", "body", "exit_code"),
    [
        (AdminVerb.STATUS, False, "broker_instance: shared\naccepting_hello: true\n", 0),
        (AdminVerb.STATUS, True, "broker_instance: shared\naccepting_hello: false\n", 0),
        (AdminVerb.HEALTHZ, True, "ok\n", 0),
        (AdminVerb.READYZ, False, "ready\n", 0),
        (AdminVerb.READYZ, True, "not ready\n", 1),
        (AdminVerb.UNSPECIFIED, False, "unsupported admin verb\n", 2),
        (77, False, "unsupported admin verb\n", 2),
    ],
)
def test_texts(verb: int, demoted: bool, body: str, exit_code: int) -> None:
    broker = about()
    if demoted:
        broker.router.pressure.failed()
    reply = told(verb, broker)
    assert (reply.kind, reply.body, reply.exit_code, reply.content_type) == (0, body, exit_code, "text/plain")


def test_status() -> None:
    assert document(AdminVerb.STATUS) == {
        "command": "status",
        "broker_instance": "shared",
        "broker_pid": 12,
        "uptime_seconds": 2.5,
        "accepting_hello": True,
        "connections_open": 0,
        "connections_turned_away": 0,
        "fd_pressure": {"demoted": False, "times": 0},
        "inode_pressure": {
            "supported": True,
            "inodes_total": 100,
            "inodes_free": 40,
            "inodes_used": 60,
            "used_ratio": 0.6,
        },
        "backends": [
            {
                "service_name": "svc",
                "service_version": "1.2.3",
                "broker_instance": "shared",
                "pid": 40,
                "backend_pipe": "/run/be.sock",
                "launched_here": True,
                "last_active_unix_ms": 1_700_000_000_000,
                "state": "running",
            }
        ],
    }
    assert document(AdminVerb.STATUS, about(inodes=lambda: None))["inode_pressure"]["supported"] is False


def test_the_other_documents() -> None:
    dump = document(AdminVerb.DUMP)
    assert set(dump) == {
        "command",
        "broker_instance",
        "effective_config",
        "backend_table",
        "spawn_budgets",
        "recent_lifecycle_events",
    }
    assert dump["spawn_budgets"] == [
        {
            "broker_instance": "shared",
            "service_name": "svc",
            "service_version": "1.2.3",
            "attempts_used": 0,
            "remaining": 3,
            "in_flight": False,
            "retry_after_ms": 0,
        }
    ]
    (event,) = dump["recent_lifecycle_events"]
    assert (event["kind"], event["pid"], event["reason"], event["severity_text"]) == ("SPAWN", 40, "launched", "INFO")
    (instance,) = document(AdminVerb.LIST_INSTANCES)["instances"]
    assert instance == {"broker_instance": "shared", "pipe": "/run/b.sock", "pid": 12, "state": "running"}
    (health,) = document(AdminVerb.BACKEND_HEALTH, service_name="svc")["backends"]
    assert (health["pid"], health["state"], health["last_error"]) == (40, "running", None)
    assert document(AdminVerb.BACKEND_HEALTH, service_name="other")["backends"] == []
    values = document(AdminVerb.CONFIG)["values"]
    assert values == {"limits": {"connections": {"value": 256, "source": "default"}}}
    bundle = document(AdminVerb.DIAGNOSE, output_path="/tmp/x.tar.gz")
    assert (bundle["bundle"]["created"], bundle["output"]) == (False, "/tmp/x.tar.gz")


def test_what_went_wrong_last() -> None:
    broker = about()
    (entry,) = broker.router.backends.all()
    for number in range(100):
        broker.router.events.add("SPAWN_ATTEMPT", entry.key, reason=f"no\nluck {number}")
    (health,) = document(AdminVerb.BACKEND_HEALTH, broker)["backends"]
    assert health["last_error"] == "no luck 99"
    assert len(document(AdminVerb.DUMP, broker)["recent_lifecycle_events"]) == 64


@pytest.mark.parametrize(
    "change", [{"envelope_version": 2}, {"kind": 1}, {"payload_encoding": 1}, {"payload": b"\x0a\xff"}]
)
def test_a_bad_admin_frame_gets_no_answer(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"envelope_version": 1, "payload_protocol": ADMIN, "payload": b"\x08\x04"}
    assert admin.answer(about(), Frame(**fields), 0, 0) is not None
    assert admin.answer(about(), Frame(**(fields | change)), 0, 0) is None


def test_shutdown_is_acknowledged_and_left_to_the_caller() -> None:
    answered = admin.answer(about(), request(AdminVerb.SHUTDOWN, drain_deadline_ms=700), 0, 0)
    assert answered is not None
    assert (answered.reply.body, answered.shutdown, answered.drain_ms) == ("broker shutting down\n", True, 700)


def test_the_metrics_names_are_frozen() -> None:
    reply = told(AdminVerb.METRICS)
    assert (reply.kind, reply.content_type) == (2, "application/openmetrics-text")
    assert re.findall(r"^# TYPE running_process_broker_v1_(\w+) \w+$", reply.body, re.M) == NAMES
    assert reply.body.endswith("# EOF\n")
    assert "running_process_broker_v1_active_backends 1\n" in reply.body
    assert "running_process_broker_v1_uptime_seconds 2.500\n" in reply.body
    assert "running_process_broker_v1_fd_usage_ratio 0.25\n" in reply.body


def test_durations_add_up() -> None:
    hellos = Hellos()
    for seconds in (0.00005, 0.0004, 0.5, 99.0):
        hellos.ended("negotiated", seconds)
    text = openmetrics(hellos, Gauges(0, 0, 0, 0.0, 0.0, {'a"b\\c': 2}))
    counts = [int(n) for n in re.findall(r'_bucket\{le="[^"]+"\} (\d+)', text)]
    assert counts == sorted(counts)
    assert len(counts) == len(BUCKETS) + 1
    assert (counts[0], counts[-1]) == (1, 4)
    assert 'hello_total{outcome="negotiated"} 4' in text
    assert 'spawn_budget_remaining{backend="a\\"b\\\\c"} 2' in text


def lane(port: int = 8080) -> tuple[Lane, Endpoints]:
    endpoints = Endpoints()
    return Lane(about().router, endpoints, lambda: port, 12, 0, {4712: 1000}.get), endpoints


def on_lane(kind: int, payload: bytes = b"", **fields: Any) -> Frame:
    given: dict[str, Any] = {"envelope_version": 1, "payload_protocol": BROKER_HTTP} | fields
    return Frame(kind=kind, payload=payload, **given)


def test_where_the_page_is() -> None:
    answer = lane()[0].answer(on_lane(FrameKind.REQUEST), Peer(0, 7))
    assert answer is not None
    assert decode(GetBrokerHttpEndpointResponse, answer) == GetBrokerHttpEndpointResponse(port=8080, pid=12)


def test_a_backend_tells_its_port_and_nobody_else_can() -> None:
    desk, endpoints = lane()
    ready = on_lane(FrameKind.EVENT, encode(BackendHttpReady(port=4711)))
    assert desk.answer(ready, Peer(0, 41)) is None
    assert endpoints.snapshot() == ()
    assert desk.answer(ready, Peer(0, 40)) == b""
    assert endpoints.snapshot() == (("svc@1.2.3", 4711),)
    for port in (0, 65_536, 8080, 4712):
        assert desk.answer(on_lane(FrameKind.EVENT, encode(BackendHttpReady(port=port))), Peer(0, 40)) is None
    assert endpoints.lookup("svc@1.2.3") == 4711


@pytest.mark.parametrize(("daemon", "found"), [("svc@1.2.3", True), ("svc@1.2.4", False)])
def test_a_session_token(daemon: str, found: bool) -> None:
    answer = lane()[0].answer(on_lane(FrameKind.REQUEST, encode(GetSessionTokenRequest(daemon_id=daemon))), Peer(0, 7))
    assert answer is not None
    said = decode(GetSessionTokenResponse, answer)
    assert (said.found, len(said.session_token)) == (found, 32 if found else 0)


@pytest.mark.parametrize(
    "frame",
    [
        on_lane(FrameKind.RESPONSE),
        on_lane(FrameKind.CANCEL),
        on_lane(FrameKind.REQUEST, b"\x0a\xff"),
        on_lane(FrameKind.EVENT, b"\x0a\xff"),
        on_lane(FrameKind.REQUEST, envelope_version=2),
        on_lane(FrameKind.REQUEST, payload_encoding=1),
        on_lane(FrameKind.REQUEST, payload_protocol=0xF1A2),
    ],
)
def test_anything_else_on_the_lane_gets_no_answer(frame: Frame) -> None:
    assert lane()[0].answer(frame, Peer(0, 40)) is None
