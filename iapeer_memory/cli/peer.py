"""`peer list|add|remove|rename|pause|resume`: who shares the memory on a host without the core.

Pausing and renaming work on any host.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from shlex import quote
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.peer_rename import rename
from iapeer_memory.cli.plan import planned, rows, tell_plan
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, UsageError
from iapeer_memory.domain.finding import Outcome
from iapeer_memory.domain.peer import SESSION_RUNTIMES, is_personality
from iapeer_memory.egress.overlay import Plan
from iapeer_memory.fleet import registry_edits
from iapeer_memory.fleet.discover import parse_peer_flag
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.fleet.registry import NAME_RULE
from iapeer_memory.fleet.source import PeerList
from iapeer_memory.provision.host import Host, Wishes
from iapeer_memory.provision.journal import Journal
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.peers import asked_peers, mapped_peers, registry
from iapeer_memory.provision.run import run_steps
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.steps.fleet import FleetStep
from iapeer_memory.provision.steps.surfaces import SurfacesStep
from iapeer_memory.provision.sweep import mark_paused, unprovision_peer

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.callback(help="Who shares the memory.")(lambda: None)
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Name = Annotated[str, typer.Argument()]


@app.command("list")
def list_(
    as_json: Json = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
) -> int:
    """The peers, their folders and harnesses."""
    host = settle(open_host(readonly=True, wishes=Wishes(core_flag=iapeer_bin)))
    out = Output(host.env, as_json=as_json)
    asked = asked_peers(host)
    source = "map"
    if isinstance(asked, PeerList):
        peers, source = asked.peers, asked.source
    else:
        known = mapped_peers(host)
        if isinstance(known, NoMap):
            raise ConfigError(asked.reason)
        peers = known
        out.line(out.paint(f"as last known, because the core was not heard: {asked.reason}", "warn"))
    width = max((len(p.personality) for p in peers), default=0)
    for peer in peers:
        state = "  (paused)" if peer.paused else ""
        out.line(f"{peer.personality.ljust(width)}  {','.join(peer.runtimes)}  {peer.cwd}{state}")
    if not peers:
        out.line("no peers yet; add one with: iapeer-memory peer add NAME DIR")
    listed = [{"name": p.personality, "dir": p.cwd, "runtimes": list(p.runtimes), "paused": p.paused} for p in peers]
    out.document("peers", {"source": source, "peers": listed})
    return 0


@app.command("add")
def add(
    name: Name,
    directory: Annotated[str, typer.Argument(metavar="DIR")],
    runtimes: Annotated[str, typer.Option("--runtimes", help="Of claude, codex.")] = ",".join(SESSION_RUNTIMES),
    dry_run: Dry = False,
    as_json: Json = False,
) -> int:
    """Add an agent by its folder, and connect it."""
    if not is_personality(name):
        raise UsageError(f"{name!r} cannot name a peer", remedy=NAME_RULE)
    host, plan = maybe_planned(own_registry(open_host()), dry_run)
    peer = parse_peer_flag(f"{name}={directory}:{runtimes}", cwd=os.getcwd(), home=host.paths.home)
    found = host.door.files.stat(peer.cwd)
    if found is not None and found.kind != "dir":
        raise UsageError(f"{peer.cwd} is not a folder", remedy="name the folder in which the agent works")
    if found is None:
        raise UsageError(f"{peer.cwd} does not exist", remedy=f"mkdir -p {quote(peer.cwd)}")
    return change(
        host,
        plan,
        as_json,
        lambda data: registry_edits.add(data, peer, host.paths.registry, realpath=host.door.files.realpath),
    )


@app.command("remove")
def remove(name: Name, dry_run: Dry = False, as_json: Json = False) -> int:
    """Take an agent's part out of its folder, and forget the agent."""
    host, plan = maybe_planned(settle(open_host()), dry_run)
    peer = registry(host).get(name)
    if peer is None:
        # With a core our registry may still hold entries from before it came: those alone can be removed here.
        own_registry(host)
        raise UsageError(f"no peer is called {name}", remedy="iapeer-memory peer list")
    with operation_lock(host.door, host.paths):
        results = unprovision_peer(host, peer)
    bad = [o for r in results for o in r.outcomes if o.action == "failed"]
    if bad:
        raise ConfigError(
            "; ".join(f"{o.surface}: {o.detail}" for o in bad), remedy="mend that and run the same command again"
        )
    return change(
        host,
        plan,
        as_json,
        lambda data: registry_edits.remove(data, name, host.paths.registry, realpath=host.door.files.realpath),
    )


app.command("rename")(rename)


@app.command("pause")
def pause(name: Name, dry_run: Dry = False, as_json: Json = False) -> int:
    """Leave an agent alone: no update, no repair, no hooks, until it is resumed."""
    return set_paused(name, True, dry_run, as_json)


@app.command("resume")
def resume(name: Name, dry_run: Dry = False, as_json: Json = False) -> int:
    """End a pause and bring the agent up to date."""
    return set_paused(name, False, dry_run, as_json)


def set_paused(name: str, paused: bool, dry_run: bool, as_json: bool) -> int:
    """Write the pause, and the marker that hooks look at."""
    host, plan = maybe_planned(settle(open_host()), dry_run)
    peers = mapped_peers(host)
    peer = None if isinstance(peers, NoMap) else next((p for p in peers if p.personality == name), None)
    if peer is None:
        raise UsageError(f"no peer is called {name}", remedy="iapeer-memory peer list")
    act = registry_edits.pause if paused else registry_edits.resume
    mark_paused(host, peer, paused)
    return change(
        host, plan, as_json, lambda data: act(data, name, host.paths.registry, realpath=host.door.files.realpath)
    )


def maybe_planned(host: Host, dry_run: bool) -> tuple[Host, Plan | None]:
    """The host, behind an overlay in a dry run."""
    return planned(host) if dry_run else (host, None)


def own_registry(host: Host) -> Host:
    """The host, where it has no core. Raises UsageError where the core keeps the registry."""
    host = settle(host)
    if host.with_core:
        raise UsageError("the core keeps this host's peers", remedy="iapeer create NAME, or iapeer remove NAME")
    return host


def change(host: Host, plan: Plan | None, as_json: bool, edit: Callable[[bytes | None], bytes]) -> int:
    """Edit our registry, then refresh the map and the surfaces."""
    out = Output(host.env, as_json=as_json)
    files = host.door.files
    with operation_lock(host.door, host.paths):
        before = files.read_optional(host.paths.registry, limit=4 << 20)
        after = edit(before)
        if after != (before or b""):
            files.write(host.paths.registry, after, mode=None if before is not None else 0o600)
        outcomes: list[Outcome] = []

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            out.outcome(outcome)

        journal = Journal(host.door, host.paths.journal, "peer", host.version)
        result = run_steps(host, (FleetStep(), SurfacesStep()), journal=journal, tell=tell)
        journal.close()
    tell_plan(out, host, plan)
    out.document("peer", {"ok": not result.problems, "steps": outcome_rows(outcomes), "plan": rows(plan)})
    return 1 if result.problems else 0
