"""How a service is declared: what a `.servicedef` file holds. Never checks a value.

Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.protobuf import Message, mapping, proto, repeated


class Isolation:
    """`ServiceDefinition.isolation`: whether the service has a broker of its own, shares one, or names one."""

    PRIVATE_BROKER = 0
    SHARED_BROKER = 1
    EXPLICIT_INSTANCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition(Message):
    """One service. Paths are absolute; `version_allow_list` empty: every version that the floor lets through."""

    service_name: str = proto(1, "string")
    binary_path: str = proto(2, "string")
    isolation: int = proto(3, "enum")
    explicit_instance: str = proto(4, "string")
    per_version_binary_dir: str = proto(5, "string")
    min_version: str = proto(6, "string")
    version_allow_list: tuple[str, ...] = repeated(7, "string")
    labels: Mapping[str, str] = mapping(8)
