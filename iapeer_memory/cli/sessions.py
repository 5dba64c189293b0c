"""`sessions`: which harness sessions are attached to memory, and how they fare."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import DaemonFailed, printable

ASK_SECONDS = 5.0


def main(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> int:
    """List the attached sessions, oldest first."""
    host = open_host(readonly=True)
    answer = host.door.net.fetch(f"http://127.0.0.1:{host.port}/sessions", timeout=ASK_SECONDS, limit=1 << 22)
    if answer.status != 200:
        raise DaemonFailed("memoryd does not answer", remedy="iapeer-memory verify --repair")
    rows = json.loads(answer.body)["sessions"]
    out = Output(host.env, as_json=as_json)
    for row in rows:
        who = f"{row['harness']}  {row['peer'] or '-'}  {printable(row['project'])}"
        trouble = f"  last error: {printable(row['last_error'])}" if row["last_error"] else ""
        out.line(f"{who}  {row['calls']} calls in {row['since']:.0f} s, pid {row['pid']}{trouble}")
    if not rows:
        out.line("no session is attached")
    out.document("sessions", {"sessions": rows})
    return 0
