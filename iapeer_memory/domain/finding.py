"""What a check found and what a step did. Pure.

A finding is ok, fail, warn (nothing we can heal; never causes a kick), skip or repaired, and carries what,
where, why it matters and the command that fixes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "fail", "warn", "skip", "repaired"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `verify`.

    `check` is the contract's name (`memory-slot`, `peer-surfaces[alpha:codex]`, …). `healable`: a fail that
    `verify --repair` may mend.
    """

    check: str
    status: Status
    detail: str
    where: str | None = None
    why: str | None = None
    remedy: str | None = None
    healable: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step of init or update did: one line, sub-lines under it, and whether it counts as a problem."""

    step: str
    ok: bool
    detail: str
    sublines: tuple[str, ...] = ()
    changed: bool = False


def failed(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Those that make `verify` exit 1."""
    return tuple(f for f in findings if f.status == "fail")
