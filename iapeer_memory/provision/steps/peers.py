"""peers: on a host without the core, take the peers that the operator named into our own registry."""

from __future__ import annotations

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.fleet.registry_edits import add
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import registry
from iapeer_memory.provision.step import Done, Step


class PeersStep(Step):
    """init only; never adds a folder that nobody named."""

    name = "peers"
    heals = False

    def applies(self, host: Host) -> bool:
        """The core keeps its own registry."""
        return not host.with_core

    def apply(self, host: Host, done: Done) -> Outcome:
        """Add what the answers name."""
        answers = host.wishes.answers
        files = host.door.files
        data = before = files.read_optional(host.paths.registry, limit=4 << 20)
        for peer in answers.peers if answers is not None else ():
            data = add(data, peer, host.paths.registry, realpath=files.realpath)
        if data is not None and data != before:
            files.write(host.paths.registry, data, mode=None if before is not None else 0o600)
        names = [peer.personality for peer in registry(host).peers]
        if not names:
            return self.ok("none yet; add one with: iapeer-memory peer add NAME DIR")
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return self.ok(f"{len(names)}: {shown}", changed=data != before)
