"""The `trust` surface: whether our hooks may run, and having them trusted on the user's or the core's word.

Never trusts a file that holds somebody else's untrusted hook, and never edits Codex's trust records on a host with the
core, which does that itself.
"""

from __future__ import annotations

from iapeer_memory.domain.errors import FileRefused, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.edits.json_edit import load_json
from iapeer_memory.surfaces.codex import folder, hooks, trust
from iapeer_memory.surfaces.codex.findings import GRANT, review
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.ledger import Share
from iapeer_memory.surfaces.part import Part
from iapeer_memory.surfaces.state import SurfaceOutcome, SurfaceState
from iapeer_memory.surfaces.view import View

SURFACE = "trust"


def sources_of(view: View, peer: Peer, part: Part) -> tuple[str, ...]:
    """The hooks file's path as it stands in Codex's trust keys: links are resolved in a peer's folder, in no file."""
    if part.inside is None:
        return user_sources(view)
    return (f"{view.ground.real(peer.cwd)}/.codex/hooks.json",)


def user_sources(view: View) -> tuple[str, ...]:
    """As `sources_of`, for the user's own file. Links in its folder are resolved where CODEX_HOME names it and not
    otherwise, and one session may have the variable while another has not."""
    home = view.settings.codex_home
    return tuple(f"{place}/hooks.json" for place in dict.fromkeys((home, view.ground.real(home))))


def hooks_in(view: View, part: Part) -> tuple[trust.Hook, ...]:
    """The command hooks of the file. Raises FileRefused."""
    data = view.ground.read(part.path, part.inside)
    if data is None:
        return ()
    key = (SURFACE, view.settings.hooks_dir, data)
    known: tuple[trust.Hook, ...] | None = view.memo.get(key)
    if known is None:
        doc = load_json(data, part.path)
        known = view.memo[key] = tuple(trust.command_hooks(doc, view.settings.hooks_dir))
    return known


def trust_states(view: View, peer: Peer, part: Part) -> list[SurfaceState]:
    """Whether our hooks may run, and whether Codex can read the file at all."""
    try:
        dead = hooks.dead_because(view, part)
        hooks_there = hooks_in(view, part)
    except FileRefused as error:
        return [SurfaceState(SURFACE, "warn", error.line(), part.path, error.remedy)]
    user = view.codex()
    if dead is not None:
        detail = f"{part.path}: {dead}: Codex drops the whole file, our hooks with it"
        return [SurfaceState("settings", "warn", detail, part.path)]
    if user.problem is not None:
        return []  # told once for the host
    found = trust.standing(hooks_there, sources_of(view, peer, part), user)
    if found.open:
        if found.blocked:
            detail = f"{trust.describe(found)}; {blocked_text(found)}"
            return [SurfaceState(SURFACE, "warn", detail, part.path, review(peer))]
        if view.settings.with_core or view.settings.grant_trust:
            return [SurfaceState(SURFACE, "drift", trust.describe(found), part.path)]
        return [SurfaceState(SURFACE, "warn", trust.describe(found), part.path, GRANT)]
    if found.disabled:
        events = ", ".join(hook.event for hook in found.disabled)
        return [SurfaceState(SURFACE, "warn", f"switched off in Codex: {events}", view.codex_config, review(peer))]
    return [SurfaceState(SURFACE, "ok", "", part.path)]


def blocked_text(found: trust.Standing) -> str:
    """Which foreign hooks keep us from trusting the file."""
    return f"the file also holds hooks of others that nobody trusted: {'; '.join(map(printable, found.blocked))}"


def put_trust(job: Job, peer: Peer, part: Part, *, hooks_ok: bool) -> SurfaceOutcome:
    """Have our hooks trusted, where the file holds nothing else untrusted and the user or the core says so."""
    view = job.view
    if not hooks_ok:
        return SurfaceOutcome(SURFACE, "failed", part.path, "hooks are not in place")
    try:
        hooks_there = hooks_in(view, part)
    except FileRefused as error:
        return SurfaceOutcome(SURFACE, "failed", part.path, error.line())
    sources = sources_of(view, peer, part)
    found = trust.standing(hooks_there, sources, view.codex())
    path = view.codex_config
    if not found.open:
        return SurfaceOutcome(SURFACE, "already", part.path)
    if found.blocked:
        return SurfaceOutcome(SURFACE, "skipped", part.path, f"{blocked_text(found)}; review them: {review(peer)}")
    if job.trust_hooks is not None and view.settings.with_core:
        result = job.trust_hooks(sources[0])
        view.forget_user_files()
        if result.refused:
            return SurfaceOutcome(SURFACE, "skipped", part.path, "refused in the sandbox")
        if not result.ok:
            why = result.spawn_error or " ".join((result.stderr or result.stdout).split())[:200]
            return SurfaceOutcome(SURFACE, "failed", part.path, why or f"trust-hooks exited {result.code}")
        return SurfaceOutcome(SURFACE, "written", path)
    if view.settings.with_core or not view.settings.grant_trust:
        return SurfaceOutcome(SURFACE, "skipped", part.path, f"hooks wait for your trust: {GRANT}")
    if view.codex().problem is not None:
        return SurfaceOutcome(SURFACE, "failed", path, view.codex().problem or "")
    user = f"{peer.personality}:codex"
    for source in sources:
        job.shares += [Share(("hooks", "state", source + h.key, "trusted_hash"), h.hash, (user,)) for h in found.open]
    return SurfaceOutcome(SURFACE, "written", path)


def put_folder_trust(job: Job, peer: Peer) -> None:
    """On the user's word: trust the folder too, where that arms nothing foreign and nobody has said otherwise."""
    view = job.view
    granted = view.settings.grant_trust and not view.settings.with_core and view.codex().problem is None
    if granted and folder.level(view, peer) is None and not folder.armed_by_trust(view, peer):
        path = ("projects", view.ground.real(peer.cwd), "trust_level")
        job.shares.append(Share(path, "trusted", (f"{peer.personality}:codex",)))
