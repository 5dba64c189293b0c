"""A sweep: every peer × its harnesses, looked at, put in place or cleared.

One peer that cannot be done stops no other. A paused peer is left as it is. The caller holds the provision lock and
saves the ledger afterwards.
Source: who is swept, and the words for who is not, as in the reference package's surfaces chapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from iapeer_memory.domain.errors import FileRefused, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.judged import reason
from iapeer_memory.surfaces.state import PeerResult, SurfaceOutcome, SurfaceState
from iapeer_memory.surfaces.table import HARNESSES
from iapeer_memory.surfaces.view import View

PLACES = tuple(
    "/" + name
    for name in (
        ".mcp.json", ".claude/settings.json", ".claude/settings.local.json", ".claude/skills",
        ".codex/config.toml", ".codex/hooks.json",
    )
)  # fmt: skip
"""Where a surface may stand below a peer's folder."""
Progress = Callable[[int, int, PeerResult], None]


@dataclass(frozen=True, slots=True)
class PeerLook:
    """What a look at one peer × harness saw. `skipped`: why nobody looked (an empty text otherwise)."""

    personality: str
    harness: str
    cwd: str
    states: tuple[SurfaceState, ...] = ()
    skipped: str = ""

    @property
    def drifted(self) -> tuple[SurfaceState, ...]:
        """What provisioning again would heal."""
        return tuple(state for state in self.states if state.level == "drift")

    @property
    def warnings(self) -> tuple[SurfaceState, ...]:
        """What it would not."""
        return tuple(state for state in self.states if state.level == "warn")

    @property
    def problems(self) -> str:
        """The drift in one line: `surface: detail`, joined with `; `."""
        return "; ".join(state.problem for state in self.drifted)


def why_skipped(view: View, peer: Peer, *, leaving: bool = False) -> str:
    """Why a whole peer is not swept; an empty text when it is. `leaving`: it is being unprovisioned."""
    if peer.paused and not leaving:
        return "paused by its owner"
    if not peer.runtimes:
        return "the fleet map lists no runtimes for it; rewrite the map: iapeer-memory update"
    if not peer.harnesses():
        return f"no session runtime (only {', '.join(map(printable, peer.runtimes))})"
    if not leaving and not view.ground.is_folder(peer.cwd):
        return f"its folder does not exist: {printable(peer.cwd)}"
    return ""


def rows(peers: Iterable[Peer]) -> Iterator[tuple[Peer, str, str]]:
    """(peer, harness, why it is a repetition). Two peers cannot share one folder's files: the first named keeps it."""
    taken: dict[tuple[str, str], str] = {}
    for peer in peers:
        cwd = peer.cwd.rstrip("/") or "/"
        if cwd != peer.cwd:
            peer = replace(peer, cwd=cwd)  # noqa: PLW2901
        for harness in peer.harnesses() or ("",):
            other = taken.setdefault((cwd, harness), peer.personality)
            why = "" if other == peer.personality or not harness else f"its folder is already that of {other}"
            yield peer, harness, why


def look(view: View, peers: Sequence[Peer]) -> tuple[PeerLook, ...]:
    """Inspect every peer; no effect. Raises nothing for a single peer's trouble."""
    looks: list[PeerLook] = []
    for peer, harness, repeated in rows(peers):
        skipped = why_skipped_safely(view, peer) or repeated
        if skipped:
            looks.append(PeerLook(peer.personality, harness, peer.cwd, skipped=skipped))
        else:
            looks.append(PeerLook(peer.personality, harness, peer.cwd, inspect(view, peer, harness)))
    return tuple(looks)


def look_host(view: View, peers: Sequence[Peer]) -> tuple[SurfaceState, ...]:
    """What stands in the user's own files and harms every peer of a harness; harnesses that nobody has are left out."""
    used = {harness for peer in peers if not peer.paused for harness in peer.harnesses()}
    return tuple(state for name, row in HARNESSES.items() if name in used for state in row.host(view))


def inspect(view: View, peer: Peer, harness: str) -> tuple[SurfaceState, ...]:
    """Look at one peer × harness; a folder that cannot even be looked at is a warning."""
    view.ground.forget()
    try:
        return HARNESSES[harness].inspect(view, peer)
    except (FileRefused, OSError) as error:
        return (SurfaceState("folder", "warn", reason(error), peer.cwd),)


def sweep(
    job: Job,
    peers: Sequence[Peer],
    *,
    action: Literal["provision", "unprovision"] = "provision",
    progress: Progress | None = None,
) -> tuple[PeerResult, ...]:
    """Provision or unprovision every peer. `progress(done, of, result)` after each."""
    todo = tuple(rows(peers))
    was = {name: row.layout(job.view) for name, row in HARNESSES.items()}
    results: list[PeerResult] = []
    for done, (peer, harness, repeated) in enumerate(todo, 1):
        leaving = action == "unprovision"
        skipped = why_skipped_safely(job.view, peer, leaving=leaving) or ("" if leaving else repeated)
        if skipped:
            result = PeerResult(peer.personality, harness, peer.cwd, skipped=skipped)
        elif leaving:
            result = unprovision_one(job, peer, harness)
        else:
            result = provision_one(job, peer, harness)
        results.append(result)
        if progress is not None:
            progress(done, len(todo), result)
    settled = settle(job, results)
    moved = {name for name, row in HARNESSES.items() if row.layout(job.view) != was[name]}
    if not moved or action == "unprovision":
        return settled
    again = (
        provision_one(job, peer, harness) if harness in moved and not result.skipped else result
        for (peer, harness, _), result in zip(todo, settled, strict=True)
    )
    return settle(job, [new if new.changed else old for new, old in zip(again, settled, strict=True)])


def provision(job: Job, peer: Peer, harness: str) -> PeerResult:
    """One peer × harness, whole, the user's own files included."""
    skipped = why_skipped_safely(job.view, replace(peer, paused=False))
    if skipped:
        return PeerResult(peer.personality, harness, peer.cwd, skipped=skipped)
    return settle(job, [provision_one(job, peer, harness)])[0]


def provision_one(job: Job, peer: Peer, harness: str) -> PeerResult:
    """One peer × harness, without what is collected for the end."""
    job.view.ground.forget()
    try:
        outcomes = HARNESSES[harness].provision(job, peer)
    except (FileRefused, OSError) as error:
        outcomes = (SurfaceOutcome("folder", "failed", peer.cwd, reason(error)),)
    return PeerResult(peer.personality, harness, peer.cwd, outcomes)


def unprovision(job: Job, peer: Peer, harness: str) -> PeerResult:
    """Take one peer × harness out, out of the user's own files too."""
    return settle(job, [unprovision_one(job, peer, harness)])[0]


def unprovision_one(job: Job, peer: Peer, harness: str) -> PeerResult:
    """As `provision_one`; a folder that is gone leaves nothing to do but the user's own files."""
    job.view.ground.forget()
    try:
        outcomes = HARNESSES[harness].unprovision(job, peer)
    except (FileRefused, OSError) as error:
        outcomes = (SurfaceOutcome("folder", "failed", peer.cwd, reason(error)),)
    return PeerResult(peer.personality, harness, peer.cwd, outcomes)


def settle(job: Job, results: Sequence[PeerResult]) -> tuple[PeerResult, ...]:
    """Write the user's own files; where that fails, the outcomes that counted on it have failed."""
    broken = {name: problem for name, row in HARNESSES.items() if (problem := row.settle(job)) is not None}
    if not broken:
        return tuple(results)
    path = job.view.codex_config
    return tuple(
        replace(
            result,
            outcomes=tuple(
                replace(o, action="failed", detail=broken[result.harness])
                if o.path == path and o.action in ("written", "removed")
                else o
                for o in result.outcomes
            ),
        )
        if result.harness in broken
        else result
        for result in results
    )


def why_skipped_safely(view: View, peer: Peer, *, leaving: bool = False) -> str:
    """As `why_skipped`; a folder that cannot be looked at says so."""
    try:
        return why_skipped(view, peer, leaving=leaving)
    except (FileRefused, OSError) as error:
        return reason(error)


def remembered(view: View) -> tuple[Peer, ...]:
    """Peers whose surfaces the ledger says are in place, folder by folder: what an uninstall clears besides the peers
    of today."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for key, path in view.ledger.placed.items():
        personality, harness, _ = key.split(":", 2)
        cwd = next((path[: -len(end)] for end in PLACES if path.endswith(end)), None)
        if cwd and harness in HARNESSES and path not in (view.codex_config, view.codex_hooks):
            found.setdefault((personality, cwd), {})[harness] = None
    return tuple(Peer(personality, cwd, tuple(harnesses)) for (personality, cwd), harnesses in found.items())
