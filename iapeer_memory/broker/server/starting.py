"""What the router asks for when it has no backend for a Hello, and what may come of it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.broker.server.backends import Backend, BackendKey
from iapeer_memory.broker.server.screen import Greeting
from iapeer_memory.broker.spawn.budget import Taken
from iapeer_memory.broker.wire_v2.service import ServiceDefinition


@dataclass(frozen=True, slots=True)
class Start:
    """A backend that is wanted and that the broker does not have.

    First find it running; failing that launch it, after `delay_ms`, if `may_launch`. `greeting` None: nobody waits.
    `token`: of the sessions that it will have, where the broker issues any.
    """

    key: BackendKey
    definition: ServiceDefinition
    taken: Taken
    greeting: Greeting | None = None
    may_launch: bool = True
    delay_ms: int = 0
    token: bytes = b""


@dataclass(frozen=True, slots=True)
class Found:
    """It runs and was verified. `ours`: because we launched it."""

    backend: Backend
    ours: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """It does not run. `mismatch`: something runs, and is not what was asked for."""

    why: str
    mismatch: bool = False
