"""surfaces: every peer × its harnesses. No drift, no write; one peer that cannot be done stops no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from iapeer_memory.domain.errors import LockBusy
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.lock import provision_lock
from iapeer_memory.provision.peers import mapped_peers
from iapeer_memory.provision.placed import problem, shims
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.provision.steps.slot import slot_verdict
from iapeer_memory.provision.sweep import look_around, look_at, provision_all
from iapeer_memory.surfaces.state import PeerResult, SurfaceState
from iapeer_memory.surfaces.sweep import PeerLook

REPAIR = "iapeer-memory verify --repair"
CHECK = "peer-surfaces"
NAMED = 5
"""Peers that a warning names before it counts."""


class SurfacesStep(Step):
    """Hooks, MCP entry, skills, trust: what makes an agent use the memory."""

    name = "surfaces"

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """The contract's `peer-surfaces` check, and one for the shims that all hooks run."""
        config = seen.get("config")
        if config is not None and config.status == "fail":
            return (Finding(CHECK, "skip", "see config"),)
        slot = slot_verdict(host)
        if slot.state == "ours-v11":
            return (Finding(CHECK, "skip", "the old plugin is still the channel; migrate with: iapeer-memory update"),)
        if slot.state == "foreign":
            return (Finding(CHECK, "skip", f"{slot.problem}; its surfaces are not ours"),)
        peers = mapped_peers(host)
        if isinstance(peers, NoMap):
            return (Finding(CHECK, "skip", "see fleet-map"),)
        looks, states = look_around(host, peers)
        return (*surface_findings(looks), *host_findings(states), *shim_findings(host))

    def apply(self, host: Host, done: Done) -> Outcome:
        """Sweep everybody under the lock."""
        if slot_verdict(host).state == "foreign":
            return self.ok("skipped: the slot belongs to another provider")
        if host.wishes.answers is not None and host.wishes.answers.skip_ecosystem:
            return self.ok("skipped (--skip-ecosystem)")
        peers = mapped_peers(host)
        if isinstance(peers, NoMap):
            return self.fail(f"no fleet map to go by: {peers.reason}")
        return self.sweep(host, peers)

    def repair(self, host: Host, found: tuple[Finding, ...]) -> Outcome:
        """Only the peers that are bad."""
        peers = mapped_peers(host)
        if isinstance(peers, NoMap):
            return self.fail(f"no fleet map to go by: {peers.reason}")
        bad = {view.cwd for view in look_at(host, peers) if view.drifted}
        return self.sweep(host, [peer for peer in peers if peer.cwd in bad])

    def sweep(self, host: Host, peers: Sequence[Peer]) -> Outcome:
        """Under the provision lock; a busy one is a failure that names its holder."""
        try:
            with provision_lock(host.door, host.paths):
                results = provision_all(host, peers, host.wishes.progress)
        except LockBusy as error:
            return self.fail(error.line())
        return told(self, results)


def told(step: Step, results: Sequence[PeerResult]) -> Outcome:
    """`n/m peer-runtime(s) in place`, and a sub-line for each that failed."""
    swept = [r for r in results if not r.skipped]
    failed = [r for r in swept if not r.ok]
    changed = any(r.changed for r in swept)
    text = f"{len(swept) - len(failed)}/{len(swept)} peer-runtime(s) in place"
    skipped = Counter(r.skipped for r in results if r.skipped)
    if skipped:
        text += f", {sum(skipped.values())} skipped"
    if changed:
        text += "; live sessions pick changes up at their next start"
    lines = [
        f"{r.personality}:{r.harness}: "
        + "; ".join(f"{o.surface}: {o.detail}" for o in r.outcomes if o.action == "failed")
        for r in failed
    ]
    lines += [f"skipped {count}: {reason}" for reason, count in skipped.items()]
    return Outcome(step.name, not failed, text, tuple(lines), changed)


def surface_findings(looks: Sequence[PeerLook]) -> tuple[Finding, ...]:
    """One fail per drifted peer-runtime, or one ok with the counts; warnings apart."""
    skipped = Counter(view.skipped for view in looks if view.skipped)
    findings = [
        Finding(f"{CHECK}[{v.personality}:{v.harness}]", "fail", v.problems, where=v.cwd, remedy=REPAIR, healable=True)
        for v in looks
        if v.drifted
    ]
    if not any(view.drifted for view in looks):
        swept = sum(not view.skipped for view in looks)
        reasons = "; ".join(f"{count} skipped: {reason}" for reason, count in skipped.items())
        findings.insert(
            0, Finding(CHECK, "ok", f"{swept} peer-runtime(s) in place" + (f"; {reasons}" if reasons else ""))
        )
    return (*findings, *warnings(looks))


def warnings(looks: Sequence[PeerLook]) -> tuple[Finding, ...]:
    """What only the owner can settle: a line a kind, whoever it concerns, so that thirty peers are not thirty lines."""
    kinds: dict[tuple[str, str], list[tuple[PeerLook, SurfaceState]]] = {}
    for view in looks:
        for state in view.warnings:
            kinds.setdefault((state.surface, state.detail), []).append((view, state))
    findings = []
    for (surface, detail), found in kinds.items():
        who = list(dict.fromkeys(f"{view.personality}:{view.harness}" for view, _ in found))
        shown = ", ".join(who[:NAMED]) + (f" and {len(who) - NAMED} more" if len(who) > NAMED else "")
        view, state = found[0]
        name = f"{surface}[{who[0]}]" if len(who) == 1 else surface
        text = detail if len(who) == 1 else f"{detail} ({shown})"
        findings.append(Finding(name, "warn", text, where=state.path or view.cwd, remedy=state.remedy))
    return tuple(findings)


def host_findings(states: Sequence[SurfaceState]) -> tuple[Finding, ...]:
    """What stands in the user's own files and harms every peer; theirs to settle."""
    return tuple(Finding(s.surface, "warn", s.detail, where=s.path or None, remedy=s.remedy) for s in states)


def shim_findings(host: Host) -> tuple[Finding, ...]:
    """The programs that every hook runs."""
    problems = [p for program in shims(host) if (p := problem(host, program))]
    if problems:
        return (
            Finding(
                "hook-shims", "fail", "; ".join(problems), where=host.paths.hooks_dir, remedy=REPAIR, healable=True
            ),
        )
    return (Finding("hook-shims", "ok", host.paths.hooks_dir),)
