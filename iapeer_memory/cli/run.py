"""Running a command's steps on the screen: lock, journal, one line a step, the tail."""

from __future__ import annotations

from iapeer_memory.cli.output import Output
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.journal import Journal, interrupted
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.order import steps_of
from iapeer_memory.provision.run import Run, run_steps
from iapeer_memory.provision.settle import settle


def run_command(host: Host, command: str, out: Output, *, inherited: int | None = None) -> Run:
    """Apply a command's steps under the operation lock, telling each as it comes. Raises LockBusy."""
    with operation_lock(host.door, host.paths, inherited=inherited) as held:
        before = interrupted(host.door, host.paths.journal)
        if before is not None and inherited is None:
            out.line(out.paint(before.sentence(), "warn"))
        host = settle(host)
        journal = Journal(host.door, host.paths.journal, command, host.version)
        result = run_steps(host, steps_of(command, host), journal=journal, tell=out.outcome, lock=held)
        journal.close()
    out.line()
    if result.problems:
        s = "" if result.problems == 1 else "s"
        out.line(out.paint(f"{command}: {result.problems} problem{s}; mend what is named above and run the same command again", "fail"))
    else:
        out.line(out.paint(f"{command} complete", "ok"))
    return result
