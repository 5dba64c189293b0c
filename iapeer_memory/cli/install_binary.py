"""`install-binary`: place the stable command and its private runtime, and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.session import open_host
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.run import guarded
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.steps.binary import BinaryStep


def main(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Install this version's runtime and the command that runs it."""
    host = settle(open_host())
    host, plan = planned(host) if dry_run else (host, None)
    out = Output(host.env, as_json=as_json)
    step = BinaryStep()
    with operation_lock(host.door, host.paths):
        outcome = guarded(step, lambda: step.apply(host, {}))
    out.outcome(outcome)
    tell_plan(out, host, plan)
    out.document("install-binary", {"ok": outcome.ok, "steps": outcome_rows((outcome,)), "plan": rows(plan)})
    return 0 if outcome.ok else 1
