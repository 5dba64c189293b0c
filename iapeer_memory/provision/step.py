"""What a step is: it inspects without any effect, and it applies.

`update` and `init` apply steps; `verify` inspects the same steps; `verify --repair` applies those that may heal and
inspects again. Check and step cannot drift apart because they are one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.provision.host import Host

Done = Mapping[str, Outcome]
Seen = Mapping[str, Finding]


class Step:
    """One step. Facts are read when it runs, after earlier steps have run."""

    name: ClassVar[str]
    heals: ClassVar[bool] = True
    """Whether `verify --repair` may apply it. False for migrations and for what only the operator may change."""
    needs_core: ClassVar[bool] = False
    """Steps that make no sense without the ecosystem's core are not shown on such a host."""

    def applies(self, host: Host) -> bool:
        """Whether the step has a line on this host at all; the rest is not shown."""
        return host.with_core or not self.needs_core

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Look; no effect. `seen`: findings of earlier steps by check name."""
        return ()

    def apply(self, host: Host, done: Done) -> Outcome:
        """Do it. `done`: outcomes of earlier steps of this run."""
        raise TypeError(f"step {self.name} has nothing to apply")

    def repair(self, host: Host, found: tuple[Finding, ...]) -> Outcome:
        """Mend what `inspect` found; the same as `apply` unless a step can do less."""
        return self.apply(host, {})

    def ok(self, detail: str, *sublines: str, changed: bool = False) -> Outcome:
        """A good outcome of this step."""
        return Outcome(self.name, True, detail, sublines, changed)

    def fail(self, detail: str, *sublines: str) -> Outcome:
        """A bad outcome of this step."""
        return Outcome(self.name, False, detail, sublines)
