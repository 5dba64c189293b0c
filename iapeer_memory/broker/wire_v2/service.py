"""How a service is declared in generation 2: generation 1's fields, and its HTTP server. Never checks a value.

Source: the running-process broker, wire v2.
"""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, message, proto
from iapeer_memory.broker.wire_v1 import service as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServer(Message):
    """Where the backend serves HTTP. Empty: 127.0.0.1, /health, the name of the service."""

    bind_addr: str = proto(1, "string")
    health_path: str = proto(2, "string")
    display_name: str = proto(3, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition(v1.ServiceDefinition):
    """One service. `http_server` is there when the backend serves HTTP."""

    http_server: HttpServer | None = message(10, HttpServer)
