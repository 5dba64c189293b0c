"""`install-binary`: place the stable command and its private runtime, and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.session import open_host
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.run import guarded
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.steps.binary import BinaryStep


def main(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> int:
    """Install this version's runtime and the command that runs it."""
    host = settle(open_host())
    out = Output(host.env, as_json=as_json)
    step = BinaryStep()
    with operation_lock(host.door, host.paths):
        outcome = guarded(step, lambda: step.apply(host, {}))
    out.outcome(outcome)
    out.document("install-binary", {"ok": outcome.ok, "steps": outcome_rows((outcome,))})
    return 0 if outcome.ok else 1
