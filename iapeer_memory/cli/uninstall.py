"""`uninstall`: take out everything that was placed anywhere; the notes and the settings stay."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.run import take_up
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.finding import Outcome
from iapeer_memory.provision.host import Wishes, rebased
from iapeer_memory.provision.journal import Journal
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.uninstall import uninstall


def main(
    keep_binary: Annotated[bool, typer.Option("--keep-binary", help="Leave the command and its runtime.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
) -> int:
    """Take out everything; safe to repeat."""
    host = settle(open_host(wishes=Wishes(core_flag=iapeer_bin)))
    plan = None
    if dry_run:
        host, plan = planned(host)
    out = Output(host.env, as_json=as_json)
    told: list[Outcome] = []

    def tell(row: Outcome) -> None:
        told.append(row)
        text = f"{row.step.ljust(10)}: {row.detail}"
        out.line(text if row.ok else out.paint(text, "fail"))
        for line in row.sublines:
            out.line(f"{' ' * 12}{line}")

    with operation_lock(host.door, host.paths):
        take_up(host, "uninstall", out)
        host = rebased(host)
        journal = Journal(host.door, host.paths.journal, "uninstall", host.version)
        journal.begin("uninstall")
        uninstall(host, keep_binary=keep_binary, tell=tell)
        journal.close()
    tell_plan(out, host, plan)
    bad = [row for row in told if not row.ok]
    out.document("uninstall", {"ok": not bad, "rows": outcome_rows(told), "plan": rows(plan)})
    return 1 if bad else 0
