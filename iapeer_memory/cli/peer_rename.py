"""`peer rename OLD NEW`: an agent gets another name, and its memory goes with it.

In this order: memoryd stops, notes move and change, the daemon's memory of them and the index follow, then our registry
and the surfaces, then memoryd starts, also when something went wrong. With a core, the core keeps the name: only the
memory is done here. A dry run reads the vault and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from os.path import abspath
from typing import Annotated

import typer

from iapeer_memory.cli.notebook import vault_root
from iapeer_memory.cli.output import Output, outcome_rows
from iapeer_memory.cli.run import take_up
from iapeer_memory.cli.session import open_host
from iapeer_memory.domain.errors import ConfigError, ProductError, UsageError, printable
from iapeer_memory.domain.finding import Outcome
from iapeer_memory.domain.peer import Peer, is_personality
from iapeer_memory.egress.host import uid
from iapeer_memory.fleet.registry import NAME_RULE
from iapeer_memory.fleet.source import NoPeers
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd import passes
from iapeer_memory.memoryd.checks import rules_of
from iapeer_memory.memoryd.record import fingerprint
from iapeer_memory.notes.lease import LEASE_NAME, LONGEST, may_stamp, read_lease
from iapeer_memory.notes.rename import Naming
from iapeer_memory.provision.host import Host, Wishes, rebased
from iapeer_memory.provision.journal import Journal
from iapeer_memory.provision.lock import operation_lock
from iapeer_memory.provision.peers import asked_peers
from iapeer_memory.provision.rename import (
    daemon_stopped,
    drop_texts,
    held_elsewhere,
    rename_entry,
    rename_notes,
)
from iapeer_memory.provision.rename_survey import Survey, survey
from iapeer_memory.provision.run import guarded, os_error_line, run_steps
from iapeer_memory.provision.settle import settle
from iapeer_memory.provision.steps.fleet import FleetStep
from iapeer_memory.provision.steps.memoryd import MemorydStep
from iapeer_memory.provision.steps.surfaces import SurfacesStep
from iapeer_memory.vault.locales import locale as locale_of
from iapeer_memory.vault.service import UNSTAMPED

BEGUN = ".rename"
"""Beside the journal: the command that has begun and not succeeded. Once the registry has the new name nothing else
tells what is left to do, and a repair that comes in between closes the journal."""
Act = Callable[[], tuple[str, tuple[str, ...]]]
"""Does one part; (what was done, a line for each thing that could not be). Raises ProductError, OSError."""


def rename(
    old: Annotated[str, typer.Argument(metavar="OLD")],
    new: Annotated[str, typer.Argument(metavar="NEW")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    iapeer_bin: Annotated[str | None, typer.Option("--iapeer-bin", metavar="PATH", help="The core's command.")] = None,
) -> int:
    """Give an agent another name: notes, authors, links and surfaces follow."""
    host = open_host(wishes=Wishes(core_flag=iapeer_bin), readonly=dry_run)
    if host.config.problem is not None:
        raise host.config.problem
    check_names(host, old, new)
    host = settle(host)
    out = Output(host.env, as_json=as_json)
    command = f"peer rename {old} {new}"
    if dry_run:
        return told_plan(out, host, *looked(host, old, new, again=begun(host) == command))
    with operation_lock(host.door, host.paths):
        host = settle(rebased(host))
        vault, found, peers = looked(host, old, new, again=begun(host) == command)
        take_up(host, command, out)
        return renamed(out, host, vault, found, peers, Journal(host.door, host.paths.journal, command, host.version))


def check_names(host: Host, old: str, new: str) -> None:
    """Raises UsageError for names that cannot be meant."""
    for name in (old, new):
        if not is_personality(name):
            raise UsageError(f"{printable(name)!r} cannot name a peer", remedy=NAME_RULE)
        if name in host.settings.curators:
            raise UsageError(f"{name} is a curator's name", remedy="name another peer")
    if old == new:
        raise UsageError("both names are the same")
    if new in (UNSTAMPED, host.settings["HUMAN_NAME"].strip()):
        raise UsageError(f"{new} is what notes call somebody else", remedy="choose another name")


def looked(host: Host, old: str, new: str, *, again: bool) -> tuple[str, Survey, Sequence[Peer]]:
    """The vault, what would become of it, and the peers. `again`: this very command has begun before.

    Raises UsageError, ConfigError where it must not be done.
    """
    asked = asked_peers(host)
    if isinstance(asked, NoPeers):
        raise ConfigError(f"the peers cannot be listed: {asked.reason}", remedy="iapeer list --json")
    vault_root(host, None)
    locale = locale_of(host.settings.locale)
    vault = abspath(host.settings.vault or "")
    names = {peer.personality for peer in asked.peers}
    if old in names and new in names:
        raise UsageError(f"there is a peer {new} already", remedy="choose another name: iapeer-memory peer list")
    check_lease(host, vault, locale.folders["system"])
    found = survey(host.door.files, vault, Naming(old, new, locale))
    if old not in names and not found.known and not again:
        raise UsageError(f"no peer is called {old}, and no note names it", remedy="iapeer-memory peer list")
    found.refuse()
    return vault, found, asked.peers


def check_lease(host: Host, vault: str, system: str) -> None:
    """Raises ConfigError where another host writes the vault now."""
    files = host.door.files
    lease = read_lease(files.read_optional(f"{vault}/{system}/{LEASE_NAME}", limit=LONGEST) or b"")
    us = (files.read_optional(host.paths.host_id, limit=4096) or b"").decode("utf-8", "replace").strip()
    if lease is not None and not may_stamp(lease, host=us, now=host.door.clock.now()):
        raise held_elsewhere(lease.name or lease.host)


def renamed(
    out: Output, host: Host, vault: str, found: Survey, peers: Sequence[Peer], journal: Journal
) -> int:  # fmt: skip
    """Do it, a line a part. Where the notes cannot all be done, the name stays for the same command to finish."""
    rows: list[Outcome] = []

    def tell(row: Outcome) -> None:
        rows.append(row)
        out.outcome(row)

    def part(name: str, act: Act) -> bool:
        journal.begin(name)
        tell(row_of(name, act))
        journal.end(name)
        return rows[-1].ok

    naming = found.naming
    host.door.files.write(host.paths.journal + BEGUN, journal.command.encode(), mode=0o600)
    try:
        with ExitStack() as stopped:
            reindex = partial(reindexed, host, vault, naming)
            parts: tuple[tuple[str, Act], ...] = (
                ("stop", lambda: (stopped.enter_context(daemon_stopped(host)), ())),
                ("notes", lambda: rename_notes(host, vault, naming, reindex)),
                ("texts", lambda: (f"{drop_texts(host, naming, peers)} in the old name removed", ())),
                ("registry", lambda: (rename_entry(host, naming), ())),
            )
            if all(part(name, act) for name, act in parts) and not host.with_core:
                rows += run_steps(host, (FleetStep(), SurfacesStep()), journal=journal, tell=out.outcome).outcomes
    finally:
        step = MemorydStep()
        journal.begin(step.name)
        tell(guarded(step, lambda: step.apply(host, {})))
    for line in (*found.left(), *still(host, naming, peers)):
        out.line(line)
    bad = [row for row in rows if not row.ok]
    if bad:
        out.line(out.paint("mend what is named above, then run the same command again", "fail"))
    else:
        host.door.files.remove(host.paths.journal + BEGUN)
    journal.close()
    out.document("peer-rename", {"ok": not bad, "dry_run": False, **plan_rows(found), "steps": outcome_rows(rows)})
    return 1 if bad else 0


def begun(host: Host) -> str:
    """The renaming that has not come to its end; "" for none."""
    return (host.door.files.read_optional(host.paths.journal + BEGUN, limit=4096) or b"").decode("utf-8", "replace")


def row_of(name: str, act: Act) -> Outcome:
    """A part's row; what is expected to go wrong becomes a failed one."""
    try:
        words, problems = act()
    except ProductError as error:
        return Outcome(name, False, error.line())
    except OSError as error:
        return Outcome(name, False, os_error_line(error))
    return Outcome(name, not problems, words, problems, changed=True)


def reindexed(host: Host, vault: str, naming: Naming, paths: Sequence[str]) -> str | None:
    """Bring the index to what lies at and below these paths, without the daemon's fuse; why not, or None.

    The daemon would take so many notes that are gone at once for a vault that is not whole.
    """
    files = host.door.files
    if files.lstat(host.paths.index_db) is None:
        return "none yet"
    whole = passes.Vault(vault, naming.locale, rules_of(host.settings, naming.locale), allow_mass_delete=True)
    try:
        writer = SqliteEngine(files, host.paths.index_db, uid=uid()).writer(fingerprint(naming.locale))
        try:
            passes.partial(files, whole, writer, paths, stop=lambda: False)
        finally:
            writer.close()
    except ProductError as error:
        return f"left to memoryd ({error.reason})"
    return None


def still(host: Host, naming: Naming, peers: Sequence[Peer]) -> tuple[str, ...]:
    """What is left for the operator: a setting that has the old name, and what must be done in a core."""
    lines = []
    if host.settings["AGENT_NAME"] == naming.old:
        lines.append(f"AGENT_NAME is still {naming.old}; run: iapeer-memory config set AGENT_NAME {naming.new}")
    if host.with_core and any(peer.personality == naming.old for peer in peers):
        lines.append(f"the core still calls this agent {naming.old}; run: iapeer rename {naming.old} {naming.new}")
    elif host.with_core:
        lines.append("the core keeps the peers; where it has just renamed this one, run: iapeer-memory update")
    return tuple(lines)


def told_plan(out: Output, host: Host, vault: str, found: Survey, peers: Sequence[Peer]) -> int:
    """The dry run: a line a note."""
    for move in (*found.moves, *found.others):
        out.line(f"would move {printable(move.path)} → {printable(move.target)}")
    for path, touched in found.edits.items():
        out.line(f"would change {printable(path)} ({', '.join(touched)})")
    naming = found.naming
    if not host.with_core and any(peer.personality == naming.old for peer in peers):
        out.line(f"would rename {naming.old} to {naming.new} in {host.paths.registry}, then bring its folder up to it")
    for line in (*found.left(), *still(host, naming, peers)):
        out.line(line)
    out.line(f"notes in {printable(vault)}: a dry run, nothing was changed")
    out.document("peer-rename", {"ok": True, "dry_run": True, **plan_rows(found), "steps": []})
    return 0


def plan_rows(found: Survey) -> dict[str, object]:
    """As JSON has it."""
    return {
        "old": found.naming.old,
        "new": found.naming.new,
        "moves": [{"from": move.path, "to": move.target} for move in (*found.moves, *found.others)],
        "edits": [{"path": path, "changes": list(touched)} for path, touched in found.edits.items()],
        "left": list(found.unsettled),
        "unread": list(found.unread),
    }
