"""What happens to a backend in its life, as one line of a log. Never writes one.

Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, mapping, proto

EVENT_CAP = 512
"""The longest encoded event, in bytes."""


class EventKind:
    """`LifecycleEvent.kind`. Reserved: 21 to 50."""

    UNSPECIFIED = 0
    SPAWN_ATTEMPT = 1
    SPAWN = 2
    DIED_IDLE = 3
    DIED_SHUTDOWN = 4
    DIED_CRASH = 5
    VERSION_MISMATCH = 6
    REPLACED_BY_NEWER = 7
    HELLO_ACCEPTED = 8
    HELLO_REFUSED = 9
    SERVICE_DEF_LOADED = 10
    SERVICE_DEF_CHANGED = 11
    BROADCAST_SENT = 12
    BROADCAST_ACK = 13
    BROADCAST_TIMEOUT = 14
    PROTOCOL_DOWNGRADE = 15
    CACHE_CORRUPTION_DETECTED = 16
    RESOURCE_PRESSURE = 17
    SECURITY_VIOLATION = 18
    TEARDOWN_HOOK_FAILED = 19
    MANIFEST_REWRITTEN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEvent(Message):
    """One event. `severity_number`: 1 to 24, as OpenTelemetry has it."""

    ts_ms: int = proto(1, "uint64")
    pid: int = proto(2, "uint32")
    service_name: str = proto(3, "string")
    kind: int = proto(4, "enum")
    reason: str = proto(5, "string")
    extra: Mapping[str, str] = mapping(6)
    severity_number: int = proto(7, "uint32")
    severity_text: str = proto(8, "string")
    request_id: str = proto(9, "string")
    connection_id: int = proto(10, "uint64")
    broker_instance: str = proto(11, "string")
