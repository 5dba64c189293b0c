"""All messages of both wires, and the pinned vectors of generation 1."""

from __future__ import annotations

from types import ModuleType

from iapeer_memory.broker.protobuf import Message
from iapeer_memory.broker.wire_v1 import admin, control, event, frame, handoff, manifest, process, service
from iapeer_memory.broker.wire_v2 import control as control_v2
from iapeer_memory.broker.wire_v2 import manifest as manifest_v2
from iapeer_memory.broker.wire_v2 import service as service_v2
from iapeer_memory.broker.wire_v2 import session

V1: tuple[ModuleType, ...] = (admin, control, event, frame, handoff, manifest, process, service)
V2: tuple[ModuleType, ...] = (control_v2, manifest_v2, service_v2, session)


def declared_in(*modules: ModuleType) -> tuple[type[Message], ...]:
    """The message classes that the modules themselves declare."""
    return tuple(
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Message) and value.__module__ == module.__name__
    )


def enums_in(*modules: ModuleType) -> dict[str, dict[str, int]]:
    """The names and numbers of the enums that the modules declare."""
    return {
        name: {key: value for key, value in vars(enum).items() if isinstance(value, int)}
        for module in modules
        for name, enum in vars(module).items()
        if isinstance(enum, type) and enum.__module__ == module.__name__ and not issubclass(enum, Message)
    }


NEGOTIATED = control.Negotiated(
    negotiated_protocol=2,
    daemon_version="3.0.15",
    backend_pipe="rp-backend-7",
    warnings=("w1", "w2"),
    server_capabilities=0x8000000000000001,
    keepalive_interval_secs=60,
    handle_passed_token=bytes([0x10, 0x20, 0x30]),
    connection_id=99,
)
NEGOTIATED_HEX = (
    "08021206332e302e31351a0c72702d6261636b656e642d3722027731220277322881808080808080808001303c3a031020304063"
)
TOKEN = bytes(range(16))

GOLDEN: dict[str, tuple[Message, str]] = {
    "Frame": (
        frame.Frame(
            envelope_version=1,
            kind=frame.FrameKind.RESPONSE,
            payload_protocol=frame.ADMIN,
            payload=bytes.fromhex("deadbeef"),
            request_id=42,
            payload_encoding=frame.PayloadEncoding.ZSTD,
            deadline_unix_ms=1700000000000,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            tracestate="rp=1",
        ),
        "080110011881da022204deadbeef282a30013880d095ffbc31423730302d30616637363531393136636434336464383434386562323131"
        "633830333139632d623761643662373136393230333333312d30314a0472703d31",
    ),
    "Hello": (
        control.Hello(
            client_min_protocol=1,
            client_max_protocol=3,
            service_name="build-cache",
            wanted_version="1.2.3-rc.1",
            client_version="3.0.15",
            client_capabilities=0x8000000000000001,
            auth_token=bytes([1, 2, 3]),
            request_id="req-0001",
            connection_id=0,
            peer_pid=4242,
            client_lib_name="running-process",
            client_lib_version="3.0.15",
            peer_attestation_nonce=bytes.fromhex("aabb"),
            capability_token=bytes.fromhex("cc"),
            client_keepalive_secs=30,
        ),
        "080110031a0b6275696c642d6361636865220a312e322e332d72632e312a06332e302e313530818080808080808080013a030102034208"
        "7265712d303030315092215a0f72756e6e696e672d70726f636573736206332e302e31356a02aabb7201cc781e",
    ),
    "Negotiated": (NEGOTIATED, NEGOTIATED_HEX),
    "Refused": (
        control.Refused(
            reason="version below floor",
            daemon_min_protocol=2,
            daemon_max_protocol=3,
            code=control.ErrorCode.VERSION_BLOCKED,
            details={"floor": "2"},
            retry_after_ms=1500,
        ),
        "0a1376657273696f6e2062656c6f7720666c6f6f721002180320082a0a0a05666c6f6f7212013230dc0b",
    ),
    "HelloReply": (control.HelloReply(negotiated=NEGOTIATED), "0a34" + NEGOTIATED_HEX),
    "HandoffOffer": (
        handoff.HandoffOffer(handle_value=0xBEC, token=TOKEN, service_name="build-cache", correlation_id=7),
        "08ec171210000102030405060708090a0b0c0d0e0f1a0b6275696c642d63616368652007",
    ),
    "HandoffAck": (
        handoff.HandoffAck(token=TOKEN, accepted=True, error_detail="ok", correlation_id=7),
        "0a10000102030405060708090a0b0c0d0e0f10011a026f6b2007",
    ),
}
