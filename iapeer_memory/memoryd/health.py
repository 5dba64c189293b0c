"""What memoryd is and how it is, as its identity probe answers. Data; asks nobody.

The nonce that comes back proves that the answer is fresh; uid, pid and start time prove which process gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    vault is not there. `trouble`: what the last pass failed of. `pending`: changed paths that wait for a pass,
    `lag`: seconds that the oldest of them has waited. `rescans`: whole passes that were asked for and trusted no row.
    `last_whole`: epoch seconds. `queue`: notes that wait for a curator, at the last tick. `findings`: what an operator
    should look at, a line each. `searcher`: the pid of the process that answers searches."""

    watch: bool = False
    ready: bool = False
    notes: int = 0
    held: int = 0
    unreadable: int = 0
    away: bool = False
    trouble: str | None = None
    pending: int = 0
    lag: float = 0.0
    passes: int = 0
    rescans: int = 0
    last_pass: float = 0.0
    last_whole: float | None = None
    unembedded: int = 0
    searches: int = 0
    failed_searches: int = 0
    index_bytes: int = 0
    history_bytes: int = 0
    resident_bytes: int = 0
    queue: int = 0
    stamping: bool = True
    lease: str | None = None
    searcher: int | None = None
    breakers: dict[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


def numbers(condition: Condition) -> Mapping[str, Any]:
    """What `/health` and `/metrics` both tell."""
    return {
        "notes": condition.notes,
        "watch": condition.watch,
        "ready": condition.ready,
        "away": condition.away,
        "held": condition.held,
        "unreadable": condition.unreadable,
        "pending": condition.pending,
        "lag_seconds": round(condition.lag, 3),
        "passes": condition.passes,
        "rescans": condition.rescans,
        "last_pass_seconds": round(condition.last_pass, 3),
        "last_whole_pass_timestamp_seconds": condition.last_whole,
        "unembedded": condition.unembedded,
        "searches": condition.searches,
        "failed_searches": condition.failed_searches,
        "index_bytes": condition.index_bytes,
        "history_bytes": condition.history_bytes,
        "resident_bytes": condition.resident_bytes,
        "queue": condition.queue,
        "breakers": dict(condition.breakers),
    }


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
        **numbers(condition),
        "stamping": condition.stamping,
        "lease": condition.lease,
        "searcher": condition.searcher,
        "findings": list(condition.findings),
        "trouble": condition.trouble,
    }
