"""launcher: how memoryd is started: the program that a supervisor runs, and the service definition that a broker reads.
On hosts with the core also the gate of the weekly timer."""

from __future__ import annotations

import sys

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.file_places import definitions_folder
from iapeer_memory.domain.finding import Finding, Outcome
from iapeer_memory.egress.host import uid
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.placed import Program, daemon_environment, dream_gate, launcher, place, problem
from iapeer_memory.provision.step import Done, Seen, Step
from iapeer_memory.supervise.definition import Declaration, executable

REPAIR = "iapeer-memory verify --repair"
NO_PROGRAM = "no broker can start memoryd: the runtime has no executable of its own for it"


class LauncherStep(Step):
    """Content and executable bit; the definition for the runtime that is current."""

    name = "launcher"

    def programs(self, host: Host) -> tuple[Program, ...]:
        """What belongs on this host."""
        gate = (dream_gate(host),) if host.with_core else ()
        return (launcher(host), daemon_environment(host), *gate)

    def inspect(self, host: Host, seen: Seen) -> tuple[Finding, ...]:
        """Missing, changed or not executable."""
        return (self.launcher_finding(host), *definition_findings(host))

    def launcher_finding(self, host: Host) -> Finding:
        """The programs."""
        problems = [p for program in self.programs(host) if (p := problem(host, program))]
        if problems:
            return Finding("launcher", "fail", "; ".join(problems), remedy=REPAIR, healable=True)
        return Finding("launcher", "ok", host.paths.launcher)

    def apply(self, host: Host, done: Done) -> Outcome:
        """Write what is not in place. memoryd does without a broker, so what keeps it from one is told and no more."""
        written = place(host, self.programs(host))
        declared = False
        told: tuple[str, ...] = ()
        try:
            declared = declare(host)
        except DefinitionRefused as refused:
            told = (f"no broker can start memoryd: {refused.line()}",)
        words = "written" if written or declared else "identical"
        return self.ok(f"{host.paths.launcher} ({words})", *told, changed=written > 0 or declared)


def declaration(host: Host) -> Declaration:
    """The definitions of this installation."""
    folder = definitions_folder(host.env, home=host.paths.home, platform=sys.platform)
    return Declaration(host.door.files, folder.path, host.paths, uid())


def declare(host: Host) -> bool:
    """Write the definitions, or take them away where there is nothing to name; whether anything changed."""
    program = executable(host.door.files, host.paths)
    return declaration(host).write(program) if program else declaration(host).remove() > 0


def definition_findings(host: Host) -> tuple[Finding, ...]:
    """Whether a broker could start memoryd; a host without a runtime is the binary step's to tell."""
    if host.door.files.stat(host.paths.current_runtime) is None:
        return ()
    name, program = "service-definition", executable(host.door.files, host.paths)
    if program is None:
        return (Finding(name, "warn", NO_PROGRAM),)
    try:
        wrong = declaration(host).problem(program)
    except DefinitionRefused as refused:
        return (Finding(name, "warn", f"no broker can start memoryd: {refused.line()}"),)
    if wrong is None:
        return (Finding(name, "ok", f"{host.paths.service} → {program}"),)
    return (Finding(name, "fail", wrong, remedy=REPAIR, healable=True),)
