"""The harnesses, a row each. A new one is a folder beside these and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.claude import harness as claude
from iapeer_memory.surfaces.codex import findings as codex_findings
from iapeer_memory.surfaces.codex import harness as codex
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.state import SurfaceOutcome, SurfaceState
from iapeer_memory.surfaces.view import View


@dataclass(frozen=True, slots=True)
class Harness:
    """What a harness knows to do.

    inspect, provision, unprovision: for one peer. settle: after a sweep, write what was collected for the user's own
    files (None, or what went wrong). host: what stands in the user's own files and concerns every peer. layout: what
    decides for all peers together where our part stands; when a sweep changes it, everybody is visited again.
    """

    name: str
    inspect: Callable[[View, Peer], tuple[SurfaceState, ...]]
    provision: Callable[[Job, Peer], tuple[SurfaceOutcome, ...]]
    unprovision: Callable[[Job, Peer], tuple[SurfaceOutcome, ...]]
    settle: Callable[[Job], str | None]
    host: Callable[[View], tuple[SurfaceState, ...]]
    layout: Callable[[View], bool]


def fixed(_: View) -> bool:
    """Nothing of the kind."""
    return False


HARNESSES: Mapping[str, Harness] = MappingProxyType(
    {
        "claude": Harness(
            "claude", claude.inspect, claude.provision, claude.unprovision, claude.settle, claude.host_states, fixed
        ),
        "codex": Harness(
            "codex",
            codex.inspect,
            codex.provision,
            codex.unprovision,
            codex.settle,
            codex_findings.host_states,
            codex.serves_all,
        ),
    }
)
