"""Why a process is not the daemon that it is said to be. A value: an expected outcome, never raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mismatch = Literal[
    "EndpointMismatch",
    "InvalidPid",
    "BootIdMismatch",
    "NotFound",
    "ExePathMismatch",
    "ExecutableHashMismatch",
    "StartMismatch",
    "PeerMismatch",
    "ProbeFailed",
    "IdentityMismatch",
    "BuildMismatch",
]
"""In the order in which they are looked for; StartMismatch, PeerMismatch and BuildMismatch are ours."""


@dataclass(frozen=True, slots=True)
class NotThatDaemon:
    """The first thing that does not fit. `field`: of an identity, where the answer differs from the claim."""

    kind: Mismatch
    detail: str
    field: str = ""

    def line(self) -> str:
        """One line for people."""
        return f"{self.kind}: {self.detail}"
