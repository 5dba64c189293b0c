"""Codex's row: what is looked at, put in place and taken out, in order.

Order: MCP table, hooks, trust, writable folder; the mirror on the way out. Where the team owns a file in the peer's
folder, our part stands in the user's own Codex configuration instead.
Source: the reference package's surfaces chapter; hook parsing as measured on codex-cli 0.169.0.
"""

from __future__ import annotations

from iapeer_memory.domain.errors import FileRefused, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.codex import hooks, mcp, roots, trust, trusting, userfile
from iapeer_memory.surfaces.codex.findings import bearer_states, folder_states
from iapeer_memory.surfaces.exclude import hide
from iapeer_memory.surfaces.hookpart import SURFACE as HOOKS
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.judged import reason, remedy, state_of
from iapeer_memory.surfaces.ledger import Share, key_of
from iapeer_memory.surfaces.part import OK, Part, Verdict, choose, look
from iapeer_memory.surfaces.place import leave, put, take
from iapeer_memory.surfaces.state import SurfaceOutcome, SurfaceState
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SERVER, Wanted, codex_user_server

NAME = "codex"


def inspect(view: View, peer: Peer) -> tuple[SurfaceState, ...]:
    """Look at every surface; no effect."""
    wanted = view.wanted(peer, NAME)
    states: list[SurfaceState] = []
    server, verdict, shared = mcp_place(view, peer, wanted)
    place = view.codex_config if shared else server.path
    states.append(state_of(view, peer, NAME, verdict, surface=mcp.SURFACE, path=place))
    part, hooks_verdict = hooks_place(view, peer, wanted)
    states.append(state_of(view, peer, NAME, hooks_verdict, surface=HOOKS, path=part.path))
    if hooks_verdict.kind == "ok" and (twice := second_place(view, peer, part, wanted)) is not None:
        detail = f"also in {twice.path}: they stand in {part.path}, which serves every folder"
        states[-1] = SurfaceState(HOOKS, "drift", detail, twice.path)
    if hooks_verdict.kind == "ok":
        states += trusting.trust_states(view, peer, part)
    states += folder_states(view, peer, user_level=shared and part.inside is None)
    states += bearer_states(view, server)
    if not view.settings.with_core and (absent := roots.absent_roots(wanted.roots, view.codex())):
        command = remedy(peer, NAME) if view.settings.allow else "iapeer-memory init --allow"
        detail = f"Codex's sandbox may not write to {', '.join(map(printable, absent))}"
        states.append(SurfaceState(roots.SURFACE, "warn", detail, view.codex_config, command))
    return tuple(states)


def provision(job: Job, peer: Peer) -> tuple[SurfaceOutcome, ...]:
    """Put everything in place. What goes into the user's own configuration is collected; see `settle`."""
    view, wanted = job.view, job.view.wanted(peer, NAME)
    server, mcp_found, shared = mcp_place(view, peer, wanted)
    part, hooks_found = hooks_place(view, peer, wanted)
    if mcp_found.kind != "ok" or hooks_found.kind != "ok":
        new = [p.path for p in (server, part) if p.inside is not None and not (p is server and shared)]
        try:
            hide(job, peer.cwd, [path for path in new if not view.is_team_file(peer.cwd, path)])
        except (FileRefused, OSError) as error:
            return tuple(SurfaceOutcome(s, "failed", peer.cwd, reason(error)) for s in (mcp.SURFACE, HOOKS))
    outcomes: list[SurfaceOutcome] = []
    if shared:
        outcomes.append(put_shared(job, mcp.SURFACE, mcp_found, user_server(view, peer)))
    else:
        outcomes += put(job, peer, NAME, [(server, mcp_found)])
    if (twice := second_place(view, peer, part, wanted)) is not None:
        outcomes += take(job, peer, NAME, [twice])
    outcomes += put(job, peer, NAME, [(part, hooks_found)])
    if part.inside is None:
        note_user(job, peer)
    in_place = outcomes[-1].action in ("written", "already")
    outcomes.append(trusting.put_trust(job, peer, part, hooks_ok=in_place))
    if not (shared and part.inside is None):
        trusting.put_folder_trust(job, peer)
    if view.settings.allow and not view.settings.with_core and wanted.roots:
        verdict = Verdict("missing") if roots.absent_roots(wanted.roots, view.codex()) else OK
        outcomes.append(put_shared(job, roots.SURFACE, verdict, roots.shares(wanted.roots, who(peer))))
    return tuple(outcomes)


def settle(job: Job) -> str | None:
    """Write what the sweep collected for the user's own configuration; None, or what went wrong."""
    return userfile.flush(job)


def unprovision(job: Job, peer: Peer) -> tuple[SurfaceOutcome, ...]:
    """Take everything out. Values in the user's own configuration go with the last peer that leans on them."""
    view, wanted = job.view, job.view.wanted(peer, NAME)
    server = mcp.part(peer.cwd, wanted)
    part = hooks.part(view, hooks.project_path(peer.cwd), peer.cwd, wanted)
    outcomes: list[SurfaceOutcome] = []
    for each in (server, part):
        if view.is_team_file(peer.cwd, each.path):
            outcomes.append(leave(job, peer.cwd, each.surface, each.path))
        else:
            outcomes += take(job, peer, NAME, [each])
    if leave_user_hooks(job, peer):
        outcomes += take(job, peer, NAME, [hooks.user_part(view)])
    if userfile.leans(job, who(peer)):
        job.leaving.append(who(peer))
        outcomes.append(SurfaceOutcome(trusting.SURFACE, "removed", view.codex_config))
    return tuple(outcomes)


def who(peer: Peer) -> str:
    """A peer as a user of a shared value."""
    return f"{peer.personality}:{NAME}"


def hooks_place(view: View, peer: Peer, wanted: Wanted) -> tuple[Part, Verdict]:
    """The hooks file that holds our entries, or should.

    The user's own where the team owns the peer's, in a linked work tree, whose own file Codex does not read, and for
    everybody as soon as it is at work: it serves every folder, and two places would run each hook twice.
    """
    first = hooks.part(view, hooks.project_path(peer.cwd), peer.cwd, wanted)
    if view.settings.with_core:
        return first, look(view, first)
    second = hooks.user_part(view)
    tree = view.work_tree(peer.cwd)
    if (tree is not None and tree.linked) or serves_all(view):
        return second, look(view, second)
    return choose(view, peer.cwd, first, second)


def serves_all(view: View) -> bool:
    """Whether our hooks in the user's own file are in place and will run: some peer leans on them already."""
    if not view.ledger.shares.get(view.codex_hooks):
        return False
    part = hooks.user_part(view)
    if look(view, part).kind != "ok" or view.codex().problem is not None:
        return False
    try:
        if hooks.dead_because(view, part) is not None:
            return False
        hooks_there = trusting.hooks_in(view, part)
    except FileRefused:
        return False
    found = trust.standing(hooks_there, trusting.user_sources(view), view.codex())
    return not found.open and not found.disabled


def second_place(view: View, peer: Peer, part: Part, wanted: Wanted) -> Part | None:
    """The peer's own hooks file where it holds our entries although they stand in the user's."""
    if part.inside is not None:
        return None
    own = hooks.part(view, hooks.project_path(peer.cwd), peer.cwd, wanted)
    there = look(view, own).kind in ("ok", "drift")
    return own if there and not view.is_team_file(peer.cwd, own.path) else None


def mcp_place(view: View, peer: Peer, wanted: Wanted) -> tuple[Part, Verdict, bool]:
    """(our part of the peer's file, how our server stands, whether its place is the user's configuration)."""
    part = mcp.part(peer.cwd, wanted)
    verdict = look(view, part)
    if verdict.kind == "ok" or view.work_tree(peer.cwd) is None:
        return part, verdict, False
    there = view.codex().servers.get(SERVER)
    if there == codex_user_server(view.settings):
        return part, OK, True
    if view.is_team_file(peer.cwd, part.path):
        if view.codex().problem is not None:
            return part, Verdict("refused", view.codex().problem or ""), True
        return part, Verdict("missing" if there is None else "drift", "no entry in the user's config.toml"), True
    return part, verdict, False


def put_shared(job: Job, surface: str, verdict: Verdict, shares: tuple[Share, ...]) -> SurfaceOutcome:
    """A value in the user's own configuration, collected for the end of the sweep."""
    path = job.view.codex_config
    if verdict.kind == "refused":
        return SurfaceOutcome(surface, "failed", path, verdict.detail)
    if job.view.codex().problem is not None:
        return SurfaceOutcome(surface, "failed", path, job.view.codex().problem or "")
    if verdict.kind == "ok":
        job.shares += [share for share in shares if not userfile.is_noted(job, share)]
        return SurfaceOutcome(surface, "already", path)
    job.shares += shares
    return SurfaceOutcome(surface, "written", path)


def user_server(view: View, peer: Peer) -> tuple[Share, ...]:
    """Our server in the user's own configuration."""
    return (Share(("mcp_servers", SERVER), codex_user_server(view.settings), (who(peer),)),)


def note_user(job: Job, peer: Peer) -> None:
    """This peer leans on our hooks in the user's own hooks file."""
    path = job.view.codex_hooks
    old = job.ledger.shares.get(path, (Share(("hooks",), None, ()),))[0].users
    job.ledger.shares[path] = (Share(("hooks",), None, tuple(dict.fromkeys((*old, who(peer))))),)


def leave_user_hooks(job: Job, peer: Peer) -> bool:
    """This peer no longer does; whether it was the last."""
    path = job.view.codex_hooks
    old = job.ledger.shares.get(path)
    if old is None or who(peer) not in old[0].users:
        return False
    left = tuple(user for user in old[0].users if user != who(peer))
    if left:
        job.ledger.shares[path] = (Share(("hooks",), None, left),)
        job.ledger.forget(key_of(peer.personality, NAME, HOOKS))
        return False
    job.ledger.shares.drop(path)
    return True
