"""Running a command's steps on the screen: lock, journal, one line a step, the tail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from os.path import join

from iapeer_memory.cli.output import Output
from iapeer_memory.domain.door import HeldLock
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.domain.finding import Outcome
from iapeer_memory.provision.host import Host, rebased
from iapeer_memory.provision.journal import Journal, interrupted
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.order import steps_of
from iapeer_memory.provision.recover import recover
from iapeer_memory.provision.run import Run, run_steps
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.step import Step


def run_command(host: Host, command: str, out: Output, *, inherited: int | None = None) -> Run:
    """Apply a command's steps under the operation lock, telling each as it comes.

    Raises LockBusy, and what is wrong with a settings file that cannot be read.
    """
    if host.config.problem is not None:
        # What the user decided cannot be read: defaults in its place would be spread over every agent.
        raise host.config.problem
    with operation_lock(host.door, host.paths, inherited=inherited) as held:
        done: tuple[str, ...] = ()
        if inherited is None:
            take_up(host, command, out)
        elif (older := interrupted(host.door, host.paths.journal)) is not None:
            done = older.done  # the older code's part of this update: its journal goes on here
        host = settle(rebased(host))
        journal = Journal(host.door, host.paths.journal, command, host.version, list(done))
        steps = tuple(step for step in steps_of(command) if step.name not in done)
        result = run_steps(host, steps, journal=journal, tell=out.outcome, after=hand_over(host, held, out))
        journal.close()
        host.backups.prune()
    out.line()
    if result.problems:
        count = f"{result.problems} problem{'' if result.problems == 1 else 's'}"
        advice = "mend what is named above, then run the same command again"
        out.line(out.paint(f"{command}: {count}; {advice}", "fail"))
    elif host.door.kind == "overlay":
        out.line(out.paint(f"{command}: a dry run, nothing was changed", "ok"))
    else:
        out.line(out.paint(f"{command} complete", "ok"))
    return result


def take_up(host: Host, command: str, out: Output) -> None:
    """Say what an earlier command left unfinished, and clear up after it. The caller holds the operation lock."""
    before = interrupted(host.door, host.paths.journal)
    if before is not None:
        out.line(out.paint(before.sentence(command), "warn"))
        recover(host)


def hand_over(host: Host, held: HeldLock, out: Output) -> Callable[[Step, Outcome], None]:
    """After the binary step of an update to other code, that code runs the rest: same lock, same journal."""

    def after(step: Step, outcome: Outcome) -> None:
        other = host.wishes.source is not None or host.wishes.rollback
        if step.name != "binary" or not other or not outcome.ok or host.door.kind == "overlay":
            return
        sys.stdout.flush()
        python = join(host.paths.current_runtime, "bin", "python")
        argv = [python, "-I", "-m", "iapeer_memory", "update", "--continue", str(held.fd)]
        argv += ["--json"] if out.as_json else []
        argv += ["--iapeer-bin", host.wishes.core_flag] if host.wishes.core_flag else []
        result = host.door.processes.replace(argv, env=host.env, keep_fds=(held.fd,))
        raise InstallFailed(f"the new version could not take over: {result.spawn_error}", remedy="iapeer-memory update")

    return after
