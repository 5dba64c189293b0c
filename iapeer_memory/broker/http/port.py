"""At which address the broker's page is to be. Pure: binds nothing.

Source: the running-process broker, BrokerHttpPort.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

PORT = "RUNNING_PROCESS_BROKER_HTTP_PORT"
BIND = "RUNNING_PROCESS_BROKER_HTTP_BIND"
LOOPBACK = "127.0.0.1"
HIGHEST = 65_535

Kind = Literal["static", "dynamic", "static-or-fallback"]


@dataclass(frozen=True, slots=True)
class HttpPort:
    """static: this port or none. dynamic: any free one. static-or-fallback: this one, or any free one in its place."""

    kind: Kind
    port: int = 0

    @property
    def first(self) -> int:
        """The port to try; 0: any free one."""
        return 0 if self.kind == "dynamic" else self.port

    @property
    def falls_back(self) -> bool:
        """Whether any free one will do when that is taken."""
        return self.kind == "static-or-fallback"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where to bind. `source`: of the port, `env:<name>` or default."""

    address: str
    port: HttpPort
    source: str = "default"


def parsed(text: str) -> HttpPort | None:
    """What a flag names: a port, 0 or `dynamic`; None for anything else."""
    if text == "dynamic":
        return HttpPort("dynamic")
    number = _port(text)
    if number is None:
        return None
    return HttpPort("static-or-fallback", number) if number else HttpPort("dynamic")


def resolve(configured: HttpPort, env: Mapping[str, str]) -> Wanted:
    """The environment wins over what is configured; what is empty or no port or address there counts as not set."""
    number = _port(env.get(PORT, "").strip())
    address = _address(env.get(BIND, "").strip())
    if number is None:
        return Wanted(address, configured)
    return Wanted(address, HttpPort("static", number), f"env:{PORT}")


def _port(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        return None
    number = int(text)
    return number if number <= HIGHEST else None


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return LOOPBACK
