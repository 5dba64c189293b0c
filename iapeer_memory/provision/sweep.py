"""Sweeping the peers' surfaces: the host's decisions turned into what the surfaces room needs, the ledger kept.

Holds no rule about any harness; those live in `surfaces/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import dirname, join

from iapeer_memory.domain.door import RunResult
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.peer import Peer
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.templates import template
from iapeer_memory.egress.temps import sweep_temps
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.lock import provision_lock
from iapeer_memory.provision.placed import place, shims
from iapeer_memory.surfaces import ahead
from iapeer_memory.surfaces import ledger as ledger_file
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.shims import moved
from iapeer_memory.surfaces.state import PeerResult, SurfaceState
from iapeer_memory.surfaces.sweep import PeerLook, Progress, look, look_host, provision, sweep
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import Want

SAVE_EVERY = 25
"""Changed peers between two saves of the ledger in a long sweep, and more of them the longer it has become: each save
writes the whole ledger. Between two saves a log tells what was done."""


def wanted(host: Host) -> Want:
    """The host's decisions as far as surfaces depend on them."""
    return Want(
        port=host.port,
        transport=host.choices.transport,
        command=host.paths.stable_binary,
        moved=tuple(moved(host.paths).items()),
        with_core=host.with_core,
        hooks_dir=host.paths.hooks_dir,
        allow=host.choices.allow,
        vault=host.settings.vault,
        grant_trust=host.choices.grant_trust,
        codex_home=host.paths.codex_home,
        claude_json=host.paths.claude_json,
        claude_home=host.paths.claude_home,
        locale=host.settings.locale,
    )


def make_view(host: Host) -> View:
    """Fresh eyes. Raises Malformed or Unreadable for a broken ledger."""
    files = host.door.files
    view = View(
        files,
        wanted(host),
        uid=uid(),
        template=template,
        ledger=ledger_file.load(files.read_optional(host.paths.ledger), host.paths.ledger),
        env=host.env,
        follow=host.choices.follow,
    )
    intents = ahead.load(files.read_optional(host.paths.ledger_ahead))
    if intents:
        ahead.replay(view.ledger, intents, lambda path: present(view, path), view.ground.is_folder)
        view.ground.forget()
    return view


def present(view: View, path: str) -> bytes | None:
    """What a foreign file holds now; None also where it cannot be read, since then nobody wrote it either."""
    try:
        return view.ground.read(path, None)
    except FileRefused:
        return None


def make_job(host: Host, *, insist: bool = False) -> Job:
    """The means of a provision run. The caller holds the provision lock: what a killed one left is cleared first."""
    view = make_view(host)
    clear_temps(host)
    return Job(
        host.door,
        view,
        backups=host.backups.leaving_out(frozenset(str(raw.get("after")) for raw in view.ledger.records.values())),
        trust_hooks=trust_verb(host),
        claude=host.door.processes.which("claude", host.env.get("PATH", "")),
        asked=host.wishes.attended or insist,
        insist=insist,
        ahead=lambda intent: host.door.files.append(host.paths.ledger_ahead, intent.dump(), mode=0o600),
    )


def clear_temps(host: Host) -> None:
    """Remove temporary files that a killed run left beside foreign files: its log says where it wrote."""
    files = host.door.files
    intents = ahead.load(files.read_optional(host.paths.ledger_ahead))
    for folder in dict.fromkeys(dirname(files.realpath(intent.path)) for intent in intents):
        try:
            sweep_temps(files, folder, uid=uid(), now=host.door.clock.now())
        except (FileRefused, OSError):
            continue


def trust_verb(host: Host) -> Callable[[str], RunResult] | None:
    """The core's way of trusting a hooks file."""
    core = host.core
    if core is None:
        return None

    def trust(path: str) -> RunResult:
        said, _ = core.trust_hooks(path)
        return RunResult(said.code if said.ok else said.code or 1, said.stdout, said.detail, refused=said.refused)

    return trust


def look_at(host: Host, peers: Sequence[Peer]) -> tuple[PeerLook, ...]:
    """Every peer's surfaces; no effect."""
    return look(make_view(host), peers)


def look_around(host: Host, peers: Sequence[Peer]) -> tuple[tuple[PeerLook, ...], tuple[SurfaceState, ...]]:
    """As `look_at`, and with it what stands in the user's own files and concerns everybody."""
    view = make_view(host)
    return look(view, peers), look_host(view, peers)


def provision_all(host: Host, peers: Sequence[Peer], progress: Progress | None = None) -> tuple[PeerResult, ...]:
    """Put every peer's surfaces in place, the shims first. The caller holds the provision lock."""
    place(host, shims(host))
    job = make_job(host)
    unsaved = 0

    def after(done: int, of: int, result: PeerResult) -> None:
        nonlocal unsaved
        unsaved += result.changed
        if unsaved >= max(SAVE_EVERY, done // 4):
            save(host, job)
            unsaved = 0
        if progress is not None:
            progress(done, of, result)

    try:
        return sweep(job, peers, progress=after)
    finally:
        save(host, job)


def unprovision_all(host: Host, peers: Sequence[Peer]) -> tuple[PeerResult, ...]:
    """Take every peer's surfaces out. The caller holds the provision lock."""
    job = make_job(host)
    try:
        return sweep(job, peers, action="unprovision")
    finally:
        save(host, job)


def provision_peer(host: Host, peer: Peer) -> tuple[PeerResult, ...]:
    """One peer by name, whatever its owner took out before. Raises LockBusy."""
    with provision_lock(host.door, host.paths):
        place(host, shims(host))
        job = make_job(host, insist=True)
        try:
            return tuple(provision(job, peer, harness) for harness in peer.harnesses())
        finally:
            save(host, job)


def unprovision_peer(host: Host, peer: Peer) -> tuple[PeerResult, ...]:
    """One peer's surfaces out. Raises LockBusy."""
    with provision_lock(host.door, host.paths):
        return unprovision_all(host, (peer,))


def save(host: Host, job: Job) -> None:
    """Write the ledger where it changed; what was noted ahead of it is in it then."""
    files = host.door.files
    if job.ledger.changed:
        files.write(host.paths.ledger, job.ledger.dump(), mode=0o600)
    files.remove(host.paths.ledger_ahead)


def mark_paused(host: Host, peer: Peer, paused: bool) -> None:
    """Set or clear the marker that the peer's hooks look at."""
    files = host.door.files
    # A session may run under either spelling of a folder that is reached through a link.
    for cwd in {peer.cwd, files.realpath(peer.cwd)}:
        marker = join(host.paths.state("paused", "by-path"), cwd.lstrip("/"), "paused")
        if paused:
            files.create(marker, b"", mode=0o600)
        else:
            files.remove(marker)
