"""`backup list|restore`: earlier versions of files of yours that we changed."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.session import open_host

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="Earlier versions of files that we changed.")(lambda: None)


@app.command("list")
def list_(
    path: Annotated[str | None, typer.Argument(help="Only this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> int:
    """List the kept versions, newest first."""
    host = open_host(readonly=True)
    out = Output(host.env, as_json=as_json)
    kept = [b for b in host.backups.list() if path is None or b.path == path]
    for backup in kept:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(backup.time))
        out.line(f"{backup.id}  {when}  {backup.path}")
    if not kept:
        out.line("no earlier versions are kept" + (f" of {path}" if path else ""))
    out.document("backups", {"backups": [{"id": b.id, "time": b.time, "path": b.path} for b in kept]})
    return 0


@app.command("restore")
def restore(
    backup_id: Annotated[str, typer.Argument(metavar="ID", help="From `backup list`.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> int:
    """Put a kept version back; the present one is kept first."""
    host = open_host()
    host, plan = planned(host) if dry_run else (host, None)
    out = Output(host.env, as_json=as_json)
    path = host.backups.restore(host.backups.find(backup_id))
    if plan is None:
        out.line(f"restored {path}; what stood there is kept too (iapeer-memory backup list)")
    tell_plan(out, host, plan)
    out.document("restored", {"id": backup_id, "path": path, "plan": rows(plan)})
    return 0
