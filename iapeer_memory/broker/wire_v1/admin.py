"""Admin requests over the broker's socket, and their replies. Never answers one.

Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, proto


class AdminVerb:
    """`AdminRequest.verb`. Reserved: 10 to 20."""

    UNSPECIFIED = 0
    STATUS = 1
    DUMP = 2
    LIST_INSTANCES = 3
    HEALTHZ = 4
    READYZ = 5
    BACKEND_HEALTH = 6
    CONFIG = 7
    DIAGNOSE = 8
    METRICS = 9
    SHUTDOWN = 21


class AdminReplyKind:
    """`AdminReply.kind`: what the body is."""

    TEXT = 0
    JSON = 1
    OPENMETRICS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRequest(Message):
    """One question. `drain_deadline_ms` goes with SHUTDOWN. Reserved: 10 to 20."""

    verb: int = proto(1, "enum")
    json: bool = proto(2, "bool")
    service_name: str = proto(3, "string")
    output_path: str = proto(4, "string")
    drain_deadline_ms: int = proto(5, "uint64")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminReply(Message):
    """Its answer, and the exit code of the command that asked. Reserved: 10 to 20."""

    kind: int = proto(1, "enum")
    body: str = proto(2, "string")
    exit_code: int = proto(3, "uint32")
    content_type: str = proto(4, "string")
