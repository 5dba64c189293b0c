"""launcher: the program that a supervisor runs, and on hosts with the core the gate of the weekly timer."""

from __future__ import annotations

from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.placed import Program, dream_gate, launcher, place, problem
from iapeer_memory.provision.step import Done, Seen, Step


class LauncherStep(Step):
    """Content and executable bit."""

    name = "launcher"

    def programs(self, host: Host) -> tuple[Program, ...]:
        """What belongs on this host."""
        return (launcher(host), dream_gate(host)) if host.with_core else (launcher(host),)

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Missing, changed or not executable."""
        problems = [p for program in self.programs(host) if (p := problem(host, program))]
        if problems:
            return (
                Finding("launcher", "fail", "; ".join(problems), remedy="iapeer-memory verify --repair", healable=True),
            )
        return (Finding("launcher", "ok", host.paths.launcher),)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Write what is not in place."""
        written = place(host, self.programs(host))
        return self.ok(f"{host.paths.launcher} ({'written' if written else 'identical'})", changed=written > 0)
