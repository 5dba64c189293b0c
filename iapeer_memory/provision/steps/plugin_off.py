"""plugin-off: sweep the session plugin of v1.1 hosts off the peers, while the old declaration can still be read.

A migration: only update applies it, and only after every surface landed, so that no peer is ever without memory.
"""

from __future__ import annotations

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.ecosystem.plugin import turn_off
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import mapped_peers
from iapeer_memory.provision.step import Done, Step
from iapeer_memory.provision.steps.slot import slot_verdict

POSTPONED = (
    "postponed: the surfaces did not land, so the old plugin and the v1.1 slot are kept; mend them, then update again"
)


class PluginOffStep(Step):
    """Does nothing on any host but a v1.1 one of ours."""

    name = "plugin-off"
    heals = False

    def applies(self, host: Host) -> bool:
        """Whether the host has anything to migrate; the line is not shown elsewhere."""
        return slot_verdict(host).state == "ours-v11"

    def apply(self, host: Host, done: Done) -> Outcome:
        """Sweep, or say why not; the slot step looks at the outcome."""
        # A map of that time names no runtimes: a sweep over it lands nowhere and has nothing to complain of.
        if not all((before := done.get(name)) is not None and before.ok for name in ("fleet", "surfaces")):
            return self.fail(POSTPONED)
        peers = mapped_peers(host)
        result = turn_off(host.door, host.core, () if isinstance(peers, NoMap) else peers, env=host.env)
        return Outcome(self.name, result.ok, result.detail, result.lines, changed=result.may_migrate)
