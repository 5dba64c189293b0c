"""deps: whether the ecosystem's core and its notifier are there. Looks only."""

from __future__ import annotations

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.ecosystem.notifier import notifier_present
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.step import Done, Step


class DepsStep(Step):
    """init's first line on a host with the core."""

    name = "deps"
    heals = False
    needs_core = True

    def apply(self, host: Host, done: Done) -> Outcome:
        """Ask the core its version and whether the notifier's peers exist."""
        answers = host.wishes.answers
        core = host.core
        if core is None or (answers is not None and answers.skip_deps):
            return self.ok("skipped (--skip-deps)")
        said = core.version()
        if said.refused:
            return self.ok("skipped in the sandbox")
        if not said.ok:
            return self.fail(f"{core.binary} does not answer: {said.detail}")
        listing = core.list()
        if listing.failed:
            return self.fail(f"core {said.detail}; {listing.failed}")
        if not notifier_present(listing.rows):
            return self.fail(
                f"core {said.detail}; the notifier is missing", "install it: iapeer install-runtime notifier"
            )
        return self.ok(f"core {said.detail}, notifier there")
