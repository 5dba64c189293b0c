"""What was seen of a surface and what was done to it. Pure.

Source of the surface names, actions and texts: the reference package's chapter on surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "drift", "warn"]
Action = Literal["written", "already", "removed", "absent", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class SurfaceState:
    """One look at one surface.

    `drift`: not in place and healable by provisioning again. `warn`: nothing that we may heal; never causes a kick.
    """

    surface: str
    level: Level = "ok"
    detail: str = ""
    path: str = ""
    remedy: str | None = None

    @property
    def problem(self) -> str:
        """`<surface>: <detail>`."""
        return f"{self.surface}: {self.detail}"


@dataclass(frozen=True, slots=True)
class SurfaceOutcome:
    """What provision or unprovision did to one surface. `skipped` counts as ok."""

    surface: str
    action: Action
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PeerResult:
    """One peer × harness of a sweep. `skipped`: why nothing was done (an empty text otherwise)."""

    personality: str
    harness: str
    cwd: str
    outcomes: tuple[SurfaceOutcome, ...] = ()
    skipped: str = ""

    @property
    def ok(self) -> bool:
        """Whether no surface failed."""
        return all(outcome.action != "failed" for outcome in self.outcomes)

    @property
    def changed(self) -> bool:
        """Whether anything on disk is different now."""
        return any(outcome.action in ("written", "removed") for outcome in self.outcomes)
