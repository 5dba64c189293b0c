"""fleet: the map of peers that the sweep and the daemon read. Rewritten only when peers came, went or moved."""

from __future__ import annotations

from collections.abc import Sequence

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.map import FleetMap, NoMap, changes, dump, same_peers
from iapeer_memory.fleet.source import NoPeers, PeerList
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import asked_peers, known_map
from iapeer_memory.provision.step import Done, Seen, Step

REPAIR = "iapeer-memory verify --repair"


class FleetStep(Step):
    """Before surfaces and before the daemon: both read the map."""

    name = "fleet"

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Whether there is a map and whether it names the peers that there are."""
        config = seen.get("config")
        if config is not None and config.status == "fail":
            return (Finding("fleet-map", "skip", "see config"),)
        known = known_map(host)
        asked = asked_peers(host)
        if isinstance(known, NoMap):
            return (bad(f"{host.paths.fleet_map}: {known.reason}"),)
        if isinstance(asked, NoPeers):
            if not known.peers:
                return (bad(f"empty, and the peers cannot be listed: {asked.reason}"),)
            note = Finding(
                "fleet-map",
                "warn",
                f"{len(known.peers)} peers; not compared: {asked.reason}",
                remedy="iapeer list --json",
            )
            return (
                note if not asked.refused else Finding("fleet-map", "ok", f"{len(known.peers)} peers; {asked.reason}"),
            )
        problems = tuple(Finding("fleet-entries", "warn", text) for text in asked.problems)
        if lost(known, asked):
            return (Finding("fleet-map", "fail", emptied(known), why=LOST, remedy="iapeer list --json"), *problems)
        if not asked.peers:
            return (no_peers(host), *problems)
        if not same_peers(known, asked.peers):
            return (bad(drift_text(known, asked.peers)), *problems)
        return (Finding("fleet-map", "ok", f"{len(known.peers)} peer(s)"), *problems)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Write the map where it differs."""
        if host.wishes.answers is not None and host.wishes.answers.skip_ecosystem:
            return self.ok("skipped (--skip-ecosystem)")
        asked = asked_peers(host)
        if isinstance(asked, NoPeers):
            if asked.refused:
                return self.ok(f"skipped: {asked.reason}")
            return self.fail(
                f"not written: {asked.reason}; the sweep runs on the last map, texts stay stale until: {REPAIR}"
            )
        known = known_map(host)
        if lost(known, asked):
            return self.fail(f"not written: {emptied(known)}")
        if isinstance(known, FleetMap) and same_peers(known, asked.peers):
            return self.ok(f"{len(asked.peers)} peer(s), unchanged", *asked.problems)
        host.door.files.write(host.paths.fleet_map, dump(asked.peers, host.door.clock.now()))
        return self.ok(f"{len(asked.peers)} peer(s) written", *asked.problems, changed=True)


LOST = "an empty map would take memory away from everybody; a core that lists nobody has lost its registry"


def lost(known: FleetMap | NoMap, asked: PeerList) -> bool:
    """Whether the core lists nobody though there were peers: no reason to forget them all."""
    return asked.source == "core" and not asked.peers and isinstance(known, FleetMap) and bool(known.peers)


def emptied(known: FleetMap | NoMap) -> str:
    """That in words."""
    count = len(known.peers) if isinstance(known, FleetMap) else 0
    return f"the core lists no peers, the last map names {count}; it is kept"


def bad(detail: str) -> Finding:
    """A map that repair rewrites."""
    return Finding("fleet-map", "fail", detail, remedy=REPAIR, healable=True)


def no_peers(host: Host) -> Finding:
    """A host without any peer: not broken, but memory reaches nobody."""
    remedy = "iapeer create NAME" if host.with_core else "iapeer-memory peer add NAME DIR"
    return Finding("fleet-map", "warn", "no peers yet: nobody gets the memory", remedy=remedy)


def drift_text(known: FleetMap, peers: Sequence[Peer]) -> str:
    """What differs, in words."""
    came, went = changes(known, peers)
    parts = []
    if came:
        parts.append(f"new or moved: {', '.join(came[:8])}")
    if went:
        parts.append(f"gone: {', '.join(went[:8])}")
    return "; ".join(parts) or "a peer's folder or runtimes changed"
