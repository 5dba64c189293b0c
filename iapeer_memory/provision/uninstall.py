"""uninstall: the mirror of init. Takes out what we placed anywhere, never the vault, never config.env.

Safe to repeat: what failed keeps the ledger, the map and the command, so that the same command can finish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.finding import Outcome
from iapeer_memory.domain.peer import SESSION_RUNTIMES, Peer
from iapeer_memory.ecosystem.notifier import (
    DREAM_ID,
    LEGACY_ID,
    TIMER,
    WATCHER,
    WATCHER_ID,
    fallback_registrants,
    registrant,
    unregister_message,
)
from iapeer_memory.ecosystem.plugin import plan
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.fleet.source import NoPeers
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.lock import provision_lock
from iapeer_memory.provision.peers import asked_peers, mapped_peers
from iapeer_memory.provision.run import os_error_line
from iapeer_memory.provision.steps.launcher import declaration
from iapeer_memory.provision.steps.slot import slot_verdict
from iapeer_memory.provision.sweep import make_view, unprovision_all
from iapeer_memory.provision.uninstall_files import Row, binary, doctrines, said, state, sweep, texts
from iapeer_memory.supervise import outside
from iapeer_memory.supervise.table import retire_others
from iapeer_memory.surfaces.sweep import remembered

Tell = Callable[[Outcome], None]


def uninstall(host: Host, *, keep_binary: bool, tell: Tell) -> None:
    """Every row in order, told as it comes."""
    legacy = slot_verdict(host).state == "ours-v11"
    clean = row(tell, "surfaces", lambda: surfaces(host))
    row(tell, "slot", lambda: slot(host))
    if legacy:
        tell(Outcome("plugin", True, "the old session plugin is taken off by hand, once:", plugin_recipe(host)))
    if host.with_core:
        row(tell, "watcher", lambda: unregister(host, WATCHER, WATCHER_ID))
        row(tell, "timer", lambda: unregister(host, TIMER, DREAM_ID, LEGACY_ID))
    declared = row(tell, "definition", lambda: definition(host))
    stopped = row(tell, "memoryd", lambda: stop(host))
    manifests: list[str] = []
    cleared = stopped and row(tell, "endpoint", lambda: endpoint(host, manifests))
    row(tell, "doctrines", lambda: doctrines(host))
    row(tell, "texts", lambda: texts(host))
    if clean and cleared and declared:
        row(tell, "state", lambda: state(host))
        row(tell, "binary", lambda: binary(host, keep_binary=keep_binary))
        row(tell, "manifest", lambda: manifest(host, manifests))
    else:
        tell(Outcome("state", False, "kept, so that the same command can finish what failed"))
    tell(Outcome("vault", True, f"kept: {host.settings.vault or 'none was set'}"))
    tell(Outcome("config", True, f"kept: {host.paths.config_file}"))
    if host.with_core:
        tell(
            Outcome("native", True, "the harnesses' own memory stays off; on again with: iapeer native-memory on --all")
        )


def row(tell: Tell, name: str, act: Callable[[], Row]) -> bool:
    """One row; what is expected to go wrong becomes a failed row and stops no other."""
    try:
        ok, detail, lines = act()
    except ProductError as error:
        ok, detail, lines = False, error.line(), ()
    except OSError as error:
        ok, detail, lines = False, os_error_line(error), ()
    tell(Outcome(name, ok, detail, lines))
    return ok


def surfaces(host: Host) -> Row:
    """Every peer's part, also of peers that were forgotten meanwhile."""
    peers = mapped_peers(host)
    with provision_lock(host.door, host.paths):
        results = unprovision_all(host, everyone(host, () if isinstance(peers, NoMap) else peers))
    bad = tuple(
        f"{r.personality}:{r.harness}: {o.surface}: {o.detail}"
        for r in results
        for o in r.outcomes
        if o.action == "failed"
    )
    changed = sum(r.changed for r in results)
    note = f"; no map to go by ({peers.reason}), only what the ledger names" if isinstance(peers, NoMap) else ""
    return not bad, f"{changed} taken out of {len(results)} peer-runtime(s){note}", bad


def everyone(host: Host, mapped: tuple[Peer, ...]) -> tuple[Peer, ...]:
    """The peers of the map, and those that only the ledger still knows."""
    known = {peer.cwd for peer in mapped}
    return (*mapped, *(peer for peer in remembered(make_view(host)) if peer.cwd not in known))


def slot(host: Host) -> Row:
    """Our declaration; a foreign one stays and does not fail the command."""
    found = slot_verdict(host)
    if found.state == "foreign":
        return said(True, f"left: {found.problem}")
    if found.state == "empty":
        return said(True, "absent")
    host.door.files.remove(host.paths.slot)
    return said(True, "removed")


def unregister(host: Host, target: str, *ids: str) -> Row:
    """Drop triggers; a failure is told and never fails the command."""
    core = host.core
    if core is None:
        return said(True, "no core")
    listing = core.list()
    sender = registrant(listing.rows)
    senders = (sender,) if sender else fallback_registrants()
    detail = "no identity to send as"
    for trigger_id in ids:
        for identity in senders:
            answer = core.send(target, identity, unregister_message(trigger_id))
            detail = f"unregistered as {identity}" if answer.ok else f"not unregistered: {answer.detail}"
            if answer.ok:
                break
    return said(True, detail)


def plugin_recipe(host: Host) -> tuple[str, ...]:
    """The harness commands that take the session plugin of v1.1 hosts off. Maps of that time name no runtimes."""
    asked = asked_peers(host)
    peers = mapped_peers(host) if isinstance(asked, NoPeers) else asked.peers
    known = (
        () if isinstance(peers, NoMap) else tuple(replace(p, runtimes=p.runtimes or SESSION_RUNTIMES) for p in peers)
    )
    return plan(known, has_core=False, core_knows=None, claude=None, codex=None).recipe


def stop(host: Host) -> Row:
    """memoryd and who keeps it alive; also who did before somebody else was chosen."""
    retire_others(host.supervisor.name, host.door, host.paths, host.port, env=host.env)
    return said(*host.supervisor.remove())


def definition(host: Host) -> Row:
    """How brokers start memoryd; before memoryd is stopped, so that none starts it again."""
    declared = declaration(host)
    sweep(host, declared.folder)
    return said(True, f"{declared.remove()} removed")


def endpoint(host: Host, manifests: list[str]) -> Row:
    """What a memoryd that is stopped may have left of its socket and its claims. `manifests`: gets those that stay."""
    places = outside.recorded(host.door.files, host.paths)
    for folder in outside.folders(host.door.files, host.paths):
        sweep(host, folder)
    manifests += [place for place in places if place.endswith(outside.MANIFEST)]
    return said(True, f"{outside.clear(host.door, host.paths, keep=manifests)} removed")


def manifest(host: Host, places: Sequence[str]) -> Row:
    """What tells a cleanup what there is to clean up; last, so that it can still be told after a failure."""
    return said(True, f"{sum(outside.remove(host.door, host.paths, place) for place in places)} removed")
