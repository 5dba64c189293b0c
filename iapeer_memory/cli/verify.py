"""`verify [--repair]`: check everything; heal what may be healed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output, finding_rows
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.progress import sweep_line
from iapeer_memory.cli.run import take_up
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import LockBusy, UsageError
from iapeer_memory.domain.finding import Finding, failed
from iapeer_memory.provision.deep import deep_findings
from iapeer_memory.provision.host import Host, Wishes, rebased
from iapeer_memory.provision.journal import Journal
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.order import VERIFY
from iapeer_memory.provision.settle import settle, take_new_port
from iapeer_memory.provision.verify import repair, verify


def main(
    repair_: Annotated[bool, typer.Option("--repair", help="Heal what drifted, then check it again.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Also ask the harnesses themselves.")] = False,
    peers: Annotated[list[str] | None, typer.Argument(metavar="[PEER]...", help="With --deep: only these.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems.")] = False,
    new_port: Annotated[bool, typer.Option("--new-port", help="With --repair: move memoryd to a free port.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --repair: only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
) -> int:
    """Check everything that was placed on this host, and say what mends it."""
    if (new_port or dry_run) and not repair_:
        raise UsageError("--new-port and --dry-run go with --repair")
    if peers and not deep:
        raise UsageError("naming peers goes with --deep")
    # Nobody watches a repair that a hook started: no harness is run for it, nothing is asked.
    wishes = Wishes(
        core_flag=iapeer_bin,
        new_port=new_port,
        attended=sys.stdin.isatty(),
        progress=sweep_line(as_json=as_json),
        thorough=repair_ or deep,
    )
    host = open_host(wishes=wishes, readonly=not repair_)
    out = Output(host.env, as_json=as_json)
    plan = None
    if repair_ and dry_run:
        host, plan = planned(host)
    findings = repaired(host, out) if repair_ else verify(settle(host), VERIFY)
    if deep:
        findings = (*findings, *deep_findings(open_host(wishes=wishes), tuple(peers or ())))
    out.findings(findings)
    if plan is not None:
        out.line(out.paint("verify --repair: a dry run, nothing was changed", "ok"))
    tell_plan(out, host, plan)
    bad = failed(findings)
    warned = tuple(f for f in findings if f.status == "warn")
    code = 1 if bad or (strict and warned) else 0
    out.document("verify", {"ok": code == 0, "findings": finding_rows(findings), "plan": rows(plan)})
    return code


def repaired(host: Host, out: Output) -> tuple[Finding, ...]:
    """Repair under the operation lock; a busy lock is a finding, since another command is at work on the same."""
    try:
        with operation_lock(host.door, host.paths):
            take_up(host, "verify --repair", out)
            host = settle(rebased(host))
            if host.wishes.new_port:
                host = take_new_port(host)
            journal = Journal(host.door, host.paths.journal, "verify --repair", host.version)
            found = repair(host, VERIFY, journal)
            journal.close()
            return found
    except LockBusy as error:
        return (Finding("operation-lock", "fail", error.line(), remedy=error.remedy),)
