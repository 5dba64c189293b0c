"""`logs`: the latest lines of the daemon, of repairs and of hooks."""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import UsageError, printable

TAIL_BYTES = 256 << 10


def main(
    which: Annotated[str, typer.Argument(metavar="[memoryd|repair|hooks|all]")] = "all",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of each.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    """Show the latest lines of the logs."""
    host = open_host(readonly=True)
    logs = {"memoryd": host.paths.daemon_log, "repair": host.paths.repair_log, "hooks": host.paths.hook_log}
    if which != "all" and which not in logs:
        raise UsageError(f"no log is called {which!r}; there are {', '.join(logs)} and all")
    out = Output(host.env, as_json=as_json)
    shown: dict[str, list[str]] = {}
    for name, path in logs.items():
        if which not in ("all", name):
            continue
        data = host.door.files.read_optional(path) or b""
        shown[name] = [printable(line) for line in data[-TAIL_BYTES:].decode("utf-8", "replace").splitlines()[-lines:]]
        out.line(out.paint(f"{name}: {path}", "bold"))
        for line in shown[name] or ["(empty)"]:
            out.line(f"  {line}")
    out.document("logs", {"logs": shown})
    return 0
