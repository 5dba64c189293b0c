"""`update`: bring everything we placed on this host to this version, in order."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.progress import sweep_line
from iapeer_memory.cli.run import run_command
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError
from iapeer_memory.provision.answers import absolute
from iapeer_memory.provision.host import Wishes
from iapeer_memory.provision.settle import settle


def main(
    source: Annotated[
        str | None, typer.Option("--from", metavar="SOURCE", help="A wheel, a checkout or an index to update from.")
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the version before this one.")] = False,
    skip_binary: Annotated[bool, typer.Option("--skip-binary", help="Leave the installed command as it is.")] = False,
    follow: Annotated[
        list[str] | None,
        typer.Option("--follow", metavar="TARGET", help="A place outside a peer that links may lead to."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
    continued: Annotated[int | None, typer.Option("--continue", hidden=True)] = None,
) -> int:
    """Install this version, then bring every agent, the daemon and the core's records to it."""
    if source and (rollback or skip_binary):
        raise UsageError("--from goes with neither --rollback nor --skip-binary")
    wishes = Wishes(
        skip_binary=skip_binary or continued is not None,
        source=source,
        rollback=rollback,
        core_flag=iapeer_bin,
        progress=sweep_line(as_json=as_json),
    )
    host = open_host(wishes=wishes)
    places = tuple(absolute(place, host.env) for place in follow or ())
    host = settle(host).deciding(follow=tuple(dict.fromkeys((*host.choices.follow, *places))))
    plan = None
    if dry_run:
        host, plan = planned(host)
    out = Output(host.env, as_json=as_json)
    if continued is None:
        out.line(out.paint(f"iapeer-memory update → v{host.version}", "bold"))
    result = run_command(host, "update", out, inherited=continued)
    tell_plan(out, host, plan)
    out.document(
        "update",
        {"ok": not result.problems, "steps": outcome_rows(result.outcomes), "plan": rows(plan)},
    )
    return 1 if result.problems else 0
