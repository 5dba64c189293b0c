"""sweep: have the core switch off the harnesses' own memory, so that knowledge is not split."""

from __future__ import annotations

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Step

SHOWN = 8


class NativeMemoryStep(Step):
    """init only; a failure is told and does not count."""

    name = "sweep"
    heals = False
    needs_core = True

    def apply(self, host: Host, done: Done) -> Outcome:
        """`iapeer native-memory off --all`."""
        answers = host.wishes.answers
        slot = done.get("slot")
        if (answers is not None and answers.skip_ecosystem) or (slot is not None and not slot.ok):
            return self.ok("skipped")
        core = host.core
        if core is None:
            return self.ok("skipped: no core")
        said, peers = core.native_memory("off")
        if not said.ok:
            return self.ok(f"skipped: {said.detail}")
        shown = ", ".join(peers[:SHOWN]) + (f" and {len(peers) - SHOWN} more" if len(peers) > SHOWN else "")
        return self.ok(f"the harnesses' own memory is off for {shown or 'nobody'}")
