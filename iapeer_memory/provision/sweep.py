"""Sweeping the peers' surfaces: the host's decisions turned into what the surfaces room needs, the ledger kept.

Holds no rule about any harness; those live in `surfaces/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import join

from iapeer_memory.domain.door import RunResult
from iapeer_memory.domain.peer import Peer
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.templates import template
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.lock import provision_lock
from iapeer_memory.provision.placed import place, shims
from iapeer_memory.surfaces import ledger as ledger_file
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.state import PeerResult
from iapeer_memory.surfaces.sweep import PeerLook, Progress, look, provision, sweep
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import Want

SAVE_EVERY = 25
"""Peers between two saves of the ledger in a long sweep: a kill loses at most the undo of that many."""


def wanted(host: Host) -> Want:
    """The host's decisions as far as surfaces depend on them."""
    return Want(
        port=host.port,
        transport=host.choices.transport,
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
    return View(
        host.door.files,
        wanted(host),
        uid=uid(),
        template=template,
        ledger=ledger_file.load(host.door.files.read_optional(host.paths.ledger), host.paths.ledger),
        env=host.env,
        follow=host.choices.follow,
    )


def make_job(host: Host, *, insist: bool = False) -> Job:
    """The means of a provision run."""
    return Job(
        host.door,
        make_view(host),
        backups=host.backups,
        trust_hooks=trust_verb(host),
        claude=host.door.processes.which("claude", host.env.get("PATH", "")),
        asked=host.wishes.attended,
        insist=insist,
    )


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


def provision_all(host: Host, peers: Sequence[Peer], progress: Progress | None = None) -> tuple[PeerResult, ...]:
    """Put every peer's surfaces in place, the shims first. The caller holds the provision lock."""
    place(host, shims(host))
    job = make_job(host)
    unsaved = 0

    def after(done: int, of: int, result: PeerResult) -> None:
        nonlocal unsaved
        unsaved += result.changed
        if unsaved >= SAVE_EVERY:
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
    """Write the ledger where it changed."""
    data = job.ledger.dump()
    if host.door.files.read_optional(host.paths.ledger) != data:
        host.door.files.write(host.paths.ledger, data, mode=0o600)


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
