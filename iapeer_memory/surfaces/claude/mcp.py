"""Claude's `.mcp.json`: our entry under `mcpServers`, and the same entry in local scope where the team owns the file.

Only `mcpServers["iapeer-memory"]` is ours. The local scope lives in `~/.claude.json`, which Claude itself rewrites all
the time: we read it, and have it changed by Claude's own command alone. It is one for a whole repository, so the entry
there names no peer and goes with the last one that leans on it.
Source: the reference package's `.mcp.json` chapter; scopes as measured on Claude Code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from iapeer_memory.domain.door import RunResult
from iapeer_memory.domain.errors import Malformed
from iapeer_memory.domain.peer import Peer
from iapeer_memory.edits.json_edit import edit_json, load_json
from iapeer_memory.edits.ops import Delete, Edited, Set, Undo
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.ledger import Share
from iapeer_memory.surfaces.part import OK, Part, Verdict
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SERVER, Wanted, claude_local_server

SURFACE = "mcp"
KEY = ("mcpServers", SERVER)
COMMAND_SECONDS = 30.0


def part(cwd: str, wanted: Wanted) -> Part:
    """Our entry in the peer's `.mcp.json`."""
    path = f"{cwd}/.mcp.json"
    server = dict(wanted.server)
    fresh = alone(server)

    def judge(data: bytes | None) -> Verdict:
        if data is None:
            return Verdict("missing", "no .mcp.json")
        if data == fresh:
            return OK
        servers = servers_of(data, path)
        if SERVER not in servers:
            return Verdict("missing", "entry missing")
        return OK if servers[SERVER] == server else Verdict("drift", "entry drifted")

    def add(data: bytes | None, since: Undo | None) -> Edited:
        if data is not None:
            servers_of(data, path)
        return edit_json(data, (Set(KEY, server),), name=path, since=since)

    return Part(SURFACE, path, cwd, fresh, judge, add, strip_of(path), drop_empty=True)


def alone(server: Mapping[str, Any]) -> bytes:
    """The bytes of a file that holds our entry alone, so that a settled one need not be parsed."""
    return (json.dumps({KEY[0]: {KEY[1]: server}}, indent=2, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


def strip_of(path: str) -> Callable[[bytes], Edited]:
    """The function that takes our entry out of the file's bytes, with the container that this empties."""

    def strip(data: bytes) -> Edited:
        if SERVER not in servers_of(data, path):
            return Edited(data, {})
        return edit_json(data, (Delete(KEY, prune=True),), name=path)

    return strip


def servers_of(data: bytes, path: str) -> Mapping[str, Any]:
    """The `mcpServers` object, {} when absent. Raises Malformed."""
    servers = load_json(data, path).get("mcpServers", {})
    if not isinstance(servers, dict):
        fix = f'make "mcpServers" an object in {path}'
        raise Malformed(path, '"mcpServers" is not an object', remedy=fix, keys=("mcpServers",))
    return servers


def in_local_scope(view: View, peer: Peer) -> Verdict:
    """Whether Claude's own file gives this folder our entry; one for all peers of a repository."""
    project = view.claude().projects.get(view.project(peer.cwd))
    servers = project.get("mcpServers") if isinstance(project, dict) else None
    if isinstance(servers, dict) and SERVER in servers:
        right = servers[SERVER] == claude_local_server(view.settings)
        return OK if right else Verdict("drift", "entry in local scope drifted")
    return Verdict("missing", "the team's .mcp.json is tracked by git and there is no entry in local scope")


def add_local(job: Job, peer: Peer) -> str | None:
    """Have Claude write the entry in local scope; None when it is there, else what went wrong."""
    if in_local_scope(job.view, peer).kind == "drift":
        run(job, peer, "remove", "--scope", "local", SERVER)
        job.view.forget_user_files()
    server = claude_local_server(job.view.settings)
    result = run(job, peer, "add-json", "--scope", "local", SERVER, json.dumps(server))
    job.view.forget_user_files()
    return None if in_local_scope(job.view, peer).kind == "ok" else words(result)


def remove_local(job: Job, peer: Peer) -> str | None:
    """Have Claude take the entry out of local scope; None when it is gone."""
    result = run(job, peer, "remove", "--scope", "local", SERVER)
    job.view.forget_user_files()
    return None if result.ok or in_local_scope(job.view, peer).kind == "missing" else words(result)


def lean(job: Job, peer: Peer) -> None:
    """This peer leans on the entry in local scope."""
    path, place = job.view.settings.claude_json, (SURFACE, job.view.project(peer.cwd))
    known = {share.path: share for share in job.ledger.shares.get(path, ())}
    users = known[place].users if place in known else ()
    if peer.personality not in users:
        known[place] = Share(place, None, (*users, peer.personality))
        job.ledger.shares[path] = tuple(known.values())


def leave(job: Job, peer: Peer) -> bool:
    """This peer no longer does; whether nobody else does."""
    path, place = job.view.settings.claude_json, (SURFACE, job.view.project(peer.cwd))
    known = {share.path: share for share in job.ledger.shares.get(path, ())}
    share = known.pop(place, None)
    left = tuple(user for user in share.users if user != peer.personality) if share is not None else ()
    if share is None or left == share.users:
        return not left
    if left:
        known[place] = Share(place, None, left)
    if known:
        job.ledger.shares[path] = tuple(known.values())
    else:
        job.ledger.shares.drop(path)
    return not left


def run(job: Job, peer: Peer, *words: str) -> RunResult:
    """`claude mcp …` in the peer's folder; it edits its own file and starts no server."""
    if job.claude is None:
        return RunResult(127, "", "", spawn_error="the claude command was not found")
    argv = (job.claude, "mcp", *words)
    return job.door.processes.run(argv, timeout=COMMAND_SECONDS, env=job.view.env, cwd=peer.cwd)


def words(result: RunResult) -> str:
    """Why a command of Claude's did not do it."""
    if result.refused:
        return "refused in the sandbox"
    text = result.spawn_error or result.stderr.strip() or result.stdout.strip() or f"exit code {result.code}"
    return "claude mcp: " + " ".join(text.split())[:200]
