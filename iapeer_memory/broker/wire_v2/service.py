"""How a service is declared in generation 2: generation 1's fields, and its HTTP server. Never checks a value.

Source: the running-process broker, wire v2.
"""

# ruff: noqa: RUF009  (a field specifier gives a description, not a default)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, mapping, message, proto, repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServer(Message):
    """Where the backend serves HTTP. Empty: 127.0.0.1, /health, the name of the service."""

    bind_addr: str = proto(1, "string")
    health_path: str = proto(2, "string")
    display_name: str = proto(3, "string")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition(Message):
    """One service. `isolation` is generation 1's; `http_server` is there when the backend serves HTTP."""

    service_name: str = proto(1, "string")
    binary_path: str = proto(2, "string")
    isolation: int = proto(3, "enum")
    explicit_instance: str = proto(4, "string")
    per_version_binary_dir: str = proto(5, "string")
    min_version: str = proto(6, "string")
    version_allow_list: tuple[str, ...] = repeated(7, "string")
    labels: Mapping[str, str] = mapping(8)
    http_server: HttpServer | None = message(10, HttpServer)
