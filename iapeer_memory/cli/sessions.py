"""`sessions`: which harness sessions are attached to memory, how they fare, and what their settings files come to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import DaemonFailed, printable
from iapeer_memory.provision.steps.memoryd import REPAIR, heartbeat_finding

ASK_SECONDS = 5.0
INDENT = "    "


def main(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> int:
    """List the attached sessions, oldest first, with their settings and what of these does not count."""
    host = open_host(readonly=True)
    report = host.daemon.verify()
    if report.state != "answering":
        trouble = heartbeat_finding(host, report)
        raise DaemonFailed(f"memoryd: {trouble.detail}", remedy=trouble.remedy)
    answer = host.door.net.fetch(f"http://127.0.0.1:{host.port}/sessions", timeout=ASK_SECONDS, limit=1 << 22)
    if answer.status != 200:
        raise DaemonFailed("memoryd does not answer", remedy=REPAIR)
    rows = json.loads(answer.body)["sessions"]
    out = Output(host.env, as_json=as_json)
    for row in rows:
        for line in shown(row):
            out.line(line)
    if not rows:
        out.line("no session is attached")
    out.document("sessions", {"sessions": rows})
    return 0


def shown(row: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one session. Its own words come without what a terminal would obey."""
    who = f"{printable(row['harness'])}  {row['peer'] or '-'}  {printable(row['project'])}"
    calls = "1 call" if row["calls"] == 1 else f"{row['calls']} calls"
    trouble = f"  last error: {printable(row['last_error'])}" if row["last_error"] else ""
    yield f"{who}  {calls} in {row['since']:.0f} s, pid {row['pid']}{trouble}"
    # A memoryd of the build before an update tells neither.
    if settings := row.get("settings"):
        yield f"{INDENT}settings: {printable(json.dumps(settings, ensure_ascii=False)[1:-1])}"
    for line in row.get("dropped", ()):
        yield f"{INDENT}does not count: {line}"
