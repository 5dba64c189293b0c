"""`unprovision-peer`: take one agent's part out; fine on a clean or vanished folder.

Source of flags, lines and exit codes: the reference package's command chapter and the core's slot contract.
"""

from __future__ import annotations

from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.peer_verbs import checked_peer, tell_result
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.session import open_host
from iapeer_memory.provision.host import Wishes
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.sweep import unprovision_peer


def main(
    cwd: Annotated[str, typer.Option("--cwd", metavar="ABS")] = "",
    runtime: Annotated[str, typer.Option("--runtime", metavar="claude|codex")] = "",
    personality: Annotated[str | None, typer.Option("--personality", metavar="NAME")] = None,
    occasion: Annotated[str, typer.Option("--occasion")] = "off-peer",
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> int:
    """Take hooks, the MCP entry and skills out of one agent's folder."""
    host = settle(open_host(wishes=Wishes(core_flag=iapeer_bin, attended=False)))
    peer = checked_peer(host, cwd, runtime, personality, occasion, must_exist=False)
    host, plan = planned(host) if dry_run else (host, None)
    results = unprovision_peer(host, peer)
    out = Output(host.env, as_json=as_json)
    code = tell_result(out, "unprovision", peer, occasion, results, plan=rows(plan))
    tell_plan(out, host, plan)
    return code
