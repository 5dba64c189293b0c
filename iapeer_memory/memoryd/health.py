"""What memoryd is and how it is, as its identity probe answers. Data; asks nobody.

The nonce that comes back proves that the answer is fresh; uid, pid and start time prove which process gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iapeer_memory.domain.paths import PRODUCT


@dataclass(frozen=True, slots=True)
class Identity:
    """What never changes while the process lives. `started`: as `ProcessInfo.started`."""

    version: str
    build: str
    pid: int
    uid: int
    started: str
    state_dir: str
    vault: str


@dataclass(slots=True)
class Condition:
    """What changes. `ready`: the first whole pass is done. `held`: deletions that were not believed. `away`: the
    vault is not there. `trouble`: what the last pass failed of."""

    watch: bool = False
    ready: bool = False
    notes: int = 0
    held: int = 0
    unreadable: int = 0
    away: bool = False
    trouble: str | None = None


def probe(identity: Identity, condition: Condition, nonce: str | None) -> Mapping[str, Any]:
    """The JSON object of `GET /health`."""
    return {
        "name": PRODUCT,
        "nonce": nonce,
        "version": identity.version,
        "build": identity.build,
        "pid": identity.pid,
        "uid": identity.uid,
        "started": identity.started,
        "state_dir": identity.state_dir,
        "vault": identity.vault,
        "watch": condition.watch,
        "ready": condition.ready,
        "notes": condition.notes,
        "held": condition.held,
        "unreadable": condition.unreadable,
        "away": condition.away,
        "trouble": condition.trouble,
    }
