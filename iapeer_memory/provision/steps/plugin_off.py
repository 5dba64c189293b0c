"""plugin-off: sweep the session plugin of v1.1 hosts off the peers, while the old declaration can still be read.

A migration: only update applies it, and only after every surface landed, so that no peer is ever without memory.
"""

from __future__ import annotations

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.ecosystem.plugin import plugin_off
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import mapped_peers
from iapeer_memory.provision.step import Done, Step
from iapeer_memory.provision.steps.slot import slot_verdict


class PluginOffStep(Step):
    """Does nothing on any host but a v1.1 one of ours."""

    name = "plugin-off"
    heals = False

    def applies(self, host: Host) -> bool:
        """Whether the host has anything to migrate; the line is not shown elsewhere."""
        return slot_verdict(host).state == "ours-v11"

    def apply(self, host: Host, done: Done) -> Outcome:
        """Sweep, or say why not; the slot step looks at the outcome."""
        surfaces = done.get("surfaces")
        peers = mapped_peers(host)
        there = () if isinstance(peers, NoMap) else tuple(p for p in peers if host.door.files.stat(p.cwd) is not None)
        path = host.env.get("PATH", "")
        result = plugin_off(
            host.door.processes,
            host.core,
            there,
            claude=host.door.processes.which("claude", path),
            codex=host.door.processes.which("codex", path),
            surfaces_landed=surfaces is not None and surfaces.ok,
        )
        return Outcome(self.name, result.ok, result.detail, result.sublines, changed=result.may_migrate)
