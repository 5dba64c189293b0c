"""Whether Claude will load our server and our hooks at all: findings that only the user can settle.

Never starts Claude. Source: approval rules as measured on Claude Code: a project's own settings count only once its
folder is trusted; the user's settings count at once.
"""

from __future__ import annotations

from iapeer_memory.domain.errors import FileRefused, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.edits.json_edit import load_json
from iapeer_memory.surfaces.claude import hooks
from iapeer_memory.surfaces.claude.userfiles import Approvals, approvals, texts
from iapeer_memory.surfaces.judged import shell_word
from iapeer_memory.surfaces.state import SurfaceState
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SERVER

SURFACE = "approval"
NOTHING = Approvals()


def look(view: View, peer: Peer) -> SurfaceState | None:
    """Whether our entry in `.mcp.json` waits for the user's word, or was refused. None when all is well."""
    user = view.claude().settings
    files = [settings_of(view, path, peer.cwd) for path in (hooks.settings_path(peer.cwd), hooks.local_path(peer.cwd))]
    project = project_of(view, peer.cwd)
    refused = user.disabled | texts(project.get("disabledMcpjsonServers")) | files[0].disabled | files[1].disabled
    path = f"{peer.cwd}/.mcp.json"
    if SERVER in refused:
        return SurfaceState(
            SURFACE, "warn", f"{SERVER} is refused in Claude's settings (disabledMcpjsonServers)", path, start(peer)
        )
    if user.all_servers or SERVER in user.enabled:
        return None
    trusted = is_trusted(view, peer.cwd)
    named = any(f.all_servers or SERVER in f.enabled for f in files)
    if trusted and (named or SERVER in texts(project.get("enabledMcpjsonServers"))):
        return None
    top = view.project(peer.cwd)
    name = "the folder" if top in (peer.cwd, view.ground.real(peer.cwd)) else printable(top)
    why = "" if trusted else f"Claude does not trust {name} yet, so "
    detail = f"{why}the server waits for approval; start Claude there once and accept"
    return SurfaceState(SURFACE, "warn", detail, path, start(peer))


def start(peer: Peer) -> str:
    """The command that opens Claude in the peer's folder."""
    return f"cd {shell_word(peer.cwd)} && claude"


def project_of(view: View, cwd: str) -> dict[str, object]:
    """What `~/.claude.json` says of the folder, or of the repository that it is in: then its own entry is ignored."""
    found = view.claude().projects.get(view.project(cwd))
    return found if isinstance(found, dict) else {}


def is_trusted(view: View, cwd: str) -> bool:
    """Whether the user has answered Claude's question about the folder with yes."""
    return project_of(view, cwd).get("hasTrustDialogAccepted") is True


def settings_of(view: View, path: str, inside: str) -> Approvals:
    """The approvals in a project's settings file; none when it cannot be used."""
    try:
        data = view.ground.read(path, inside)
        if data is None:
            return NOTHING
        known: Approvals | None = view.memo.get((SURFACE, data))
        if known is None:
            known = view.memo[SURFACE, data] = approvals(load_json(data, path))
        return known
    except FileRefused:
        return NOTHING


def dead(view: View, path: str, inside: str | None) -> SurfaceState | None:
    """Whether a settings file is dropped because of an entry that is not ours. None when it is alive or absent.

    Broken JSON is told by the `hooks` surface of a peer's file; here it is told for the user's own.
    """
    try:
        data = view.ground.read(path, inside)
        if data is None:
            return None
        key = (SURFACE, "dead", data)
        if key not in view.memo:
            view.memo[key] = hooks.dead_because(data, path)
        why = view.memo[key]
    except FileRefused as error:
        return SurfaceState("settings", "warn", error.line(), path, error.remedy) if inside is None else None
    if why is None:
        return None
    detail = f"{path}: {why}: an older Claude drops the whole file, our hooks with it"
    return SurfaceState("settings", "warn", detail, path)
