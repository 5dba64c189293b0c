"""Claude Code's row: what is looked at, put in place and taken out, in order.

Order: hooks, MCP entry, skills, permissions; the mirror on the way out.
Source: the reference package's surfaces chapter.
"""

from __future__ import annotations

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.claude import allow, approval, hooks, mcp, skills
from iapeer_memory.surfaces.claude.userfiles import Approvals
from iapeer_memory.surfaces.exclude import hide
from iapeer_memory.surfaces.hookpart import SURFACE as HOOKS
from iapeer_memory.surfaces.hookpart import hooks_part
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.judged import reason, remedy, state_of
from iapeer_memory.surfaces.ledger import key_of
from iapeer_memory.surfaces.part import OK, Part, Verdict, choose, look
from iapeer_memory.surfaces.place import leave, put, shed, take
from iapeer_memory.surfaces.state import Action, SurfaceOutcome, SurfaceState
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import Wanted

NAME = "claude"


def inspect(view: View, peer: Peer) -> tuple[SurfaceState, ...]:
    """Look at every surface; no effect."""
    wanted = view.wanted(peer, NAME)
    states: list[SurfaceState] = []
    part, verdict = hooks_place(view, peer, wanted)
    states.append(state(view, peer, part, verdict))
    dead = approval.dead(view, part.path, part.inside) if verdict.kind == "ok" else None
    if dead is not None:
        states.append(dead)
    server = mcp.part(peer.cwd, wanted)
    verdict, local = mcp_verdict(view, peer, server)
    if local and verdict.kind != "ok":
        states.append(SurfaceState(mcp.SURFACE, "warn", verdict.detail, server.path, remedy(peer, NAME)))
    else:
        states.append(state(view, peer, server, verdict))
        pending = approval.look(view, peer) if not local and verdict.kind == "ok" else None
        if pending is not None:
            states.append(pending)
    states.append(skills_state(view, peer, wanted))
    states.append(allow_state(view, peer, wanted))
    return tuple(states)


def provision(job: Job, peer: Peer) -> tuple[SurfaceOutcome, ...]:
    """Put everything in place; a surface that fails stops no other."""
    view, wanted = job.view, job.view.wanted(peer, NAME)
    part, verdict = hooks_place(view, peer, wanted)
    server = mcp.part(peer.cwd, wanted)
    mcp_found, local = mcp_verdict(view, peer, server)
    skills_found = skills.look(view, peer.cwd, wanted.skills)
    permission, allow_found, old = allow.place(view, peer, wanted)
    if not view.settings.allow:
        allow_found = OK
    if any(found.kind != "ok" for found in (verdict, mcp_found, skills_found, allow_found)):
        new = [part.path, *(skills.skill_path(peer.cwd, name) for name in wanted.skills)]
        new += [server.path] * (not local) + [permission.path] * (allow_found.kind != "ok")
        try:
            hide(job, peer.cwd, [path for path in dict.fromkeys(new) if not view.is_team_file(peer.cwd, path)])
        except (FileRefused, OSError) as error:
            return tuple(SurfaceOutcome(s, "failed", peer.cwd, reason(error)) for s in ("hooks", "mcp", "skills"))
    outcomes = put(job, peer, NAME, [(part, verdict)])
    if local:
        outcomes.append(put_local(job, peer, mcp_found))
    else:
        outcomes += put(job, peer, NAME, [(server, mcp_found)])
    outcomes.append(skills.put(job, peer, wanted.skills, skills_found))
    if view.settings.allow:
        outcomes.append(put_allow(job, peer, permission, allow_found, old))
    return tuple(outcomes)


def unprovision(job: Job, peer: Peer) -> tuple[SurfaceOutcome, ...]:
    """Take everything out, in both places where each may be."""
    view, wanted = job.view, job.view.wanted(peer, NAME)
    ours_at = job.ledger.placed.get(key_of(peer.personality, NAME, allow.SURFACE))
    outcomes: list[SurfaceOutcome] = []
    for path in (hooks.settings_path(peer.cwd), hooks.local_path(peer.cwd)):
        if view.is_team_file(peer.cwd, path):
            leave(job, peer.cwd, HOOKS, path)
            continue
        parts = (
            hooks_part(path, peer.cwd, wanted.hooks, view.settings.hooks_dir),
            allow.part(path, peer.cwd, wanted, Approvals(), ours=ours_at == path),
        )
        outcomes += take(job, peer, NAME, parts)
    server = mcp.part(peer.cwd, wanted)
    if view.is_team_file(peer.cwd, server.path):
        outcomes.append(leave(job, peer.cwd, mcp.SURFACE, server.path))
    else:
        outcomes += take(job, peer, NAME, [server])
    if mcp.leave(job, peer) and mcp.in_local_scope(view, peer).kind != "missing":
        problem = mcp.remove_local(job, peer)
        action: Action = "removed" if problem is None else "failed"
        outcomes.append(SurfaceOutcome(mcp.SURFACE, action, view.settings.claude_json, problem or ""))
    skills_out = skills.take(job, peer, wanted.skills)
    hooks_out, mcp_out, allow_out = (merged(outcomes, surface) for surface in (HOOKS, mcp.SURFACE, allow.SURFACE))
    return (hooks_out, mcp_out, skills_out, allow_out)


def settle(_: Job) -> str | None:
    """Nothing is collected for Claude's own files."""
    return None


def host_states(view: View) -> tuple[SurfaceState, ...]:
    """What stands in the user's own files and concerns every peer."""
    dead = approval.dead(view, view.claude_settings, None)
    problems = [p for p in view.claude().problems if not p.startswith(view.claude_settings)]
    return (*([dead] if dead else []), *(SurfaceState("settings", "warn", line) for line in problems))


def merged(outcomes: list[SurfaceOutcome], surface: str) -> SurfaceOutcome:
    """The outcome that matters most of one surface's."""
    order = ("failed", "removed", "written", "skipped", "already", "absent")
    mine = [o for o in outcomes if o.surface == surface]
    return min(mine, key=lambda o: order.index(o.action)) if mine else SurfaceOutcome(surface, "absent", "")


def hooks_place(view: View, peer: Peer, wanted: Wanted) -> tuple[Part, Verdict]:
    """The settings file that holds our hooks, or should."""
    hooks_dir = view.settings.hooks_dir
    first = hooks_part(hooks.settings_path(peer.cwd), peer.cwd, wanted.hooks, hooks_dir)
    verdict = look(view, first)
    if verdict.kind == "ok" or view.settings.with_core:
        return first, verdict
    return choose(view, peer.cwd, first, hooks_part(hooks.local_path(peer.cwd), peer.cwd, wanted.hooks, hooks_dir))


def mcp_verdict(view: View, peer: Peer, server: Part) -> tuple[Verdict, bool]:
    """(how our MCP entry stands, whether its place is Claude's local scope)."""
    verdict = look(view, server)
    if verdict.kind == "ok" or view.work_tree(peer.cwd) is None:
        return verdict, False
    there = mcp.in_local_scope(view, peer)
    if there.kind == "ok" or view.is_team_file(peer.cwd, server.path):
        return there, True
    return verdict, False


def put_local(job: Job, peer: Peer, verdict: Verdict) -> SurfaceOutcome:
    """The entry in local scope, by Claude's own command and only when somebody asked."""
    path = job.view.settings.claude_json
    if verdict.kind == "ok":
        mcp.lean(job, peer)
        return SurfaceOutcome(mcp.SURFACE, "already", path)
    if not job.asked:
        return SurfaceOutcome(mcp.SURFACE, "skipped", path, f"{verdict.detail}; run: {remedy(peer, NAME)}")
    mcp.lean(job, peer)
    problem = mcp.add_local(job, peer)
    return SurfaceOutcome(mcp.SURFACE, "failed" if problem else "written", path, problem or "")


def put_allow(job: Job, peer: Peer, part: Part, verdict: Verdict, old: str | None) -> SurfaceOutcome:
    """The permissions; out of the file first where they do not count. What counts already is not claimed as ours."""
    if verdict.kind == "ok":
        return SurfaceOutcome(part.surface, "already", part.path)
    if old is not None:
        misplaced = allow.part(old, peer.cwd, job.view.wanted(peer, NAME), Approvals(), ours=True)
        problem = shed(job, peer, misplaced)
        if problem is not None:
            return SurfaceOutcome(part.surface, "failed", old, problem)
        job.ledger.forget(key_of(peer.personality, NAME, part.surface))
    return put(job, peer, NAME, [(part, verdict)])[0]


def state(view: View, peer: Peer, part: Part, verdict: Verdict) -> SurfaceState:
    """A part's verdict as a state."""
    return state_of(view, peer, NAME, verdict, surface=part.surface, path=part.path)


def skills_state(view: View, peer: Peer, wanted: Wanted) -> SurfaceState:
    """The skills as a state."""
    verdict = skills.look(view, peer.cwd, wanted.skills)
    return state_of(view, peer, NAME, verdict, surface=skills.SURFACE, path=skills.folder(peer.cwd))


def allow_state(view: View, peer: Peer, wanted: Wanted) -> SurfaceState:
    """Whether agents may use memory in Claude's default mode; the user's own settings count too."""
    part, verdict, old = allow.place(view, peer, wanted)
    if verdict.kind == "ok":
        return SurfaceState(allow.SURFACE, "ok", "", part.path)
    if old is not None and view.settings.allow:
        return SurfaceState(allow.SURFACE, "drift", verdict.detail, old)
    command = remedy(peer, NAME) if view.settings.allow else "iapeer-memory init --allow"
    return SurfaceState(allow.SURFACE, "warn", verdict.detail, part.path, verdict.remedy or command)
