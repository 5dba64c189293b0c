"""What only the user can settle about Codex: an untrusted folder, a server that names an unset variable.

Never starts Codex, never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iapeer_memory.domain.errors import FileRefused, printable
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.codex import folder, mcp
from iapeer_memory.surfaces.judged import shell_word
from iapeer_memory.surfaces.part import Part
from iapeer_memory.surfaces.state import SurfaceState
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SERVER

GRANT = "iapeer-memory init --grant-trust"


def review(peer: Peer) -> str:
    """The command that opens Codex in the peer's folder, where it asks for review."""
    return f"cd {shell_word(peer.cwd)} && codex"


def folder_states(view: View, peer: Peer, *, user_level: bool) -> list[SurfaceState]:
    """Whether Codex reads the peer's `.codex/` at all."""
    if user_level or view.codex().problem is not None:
        return []
    level = folder.level(view, peer)
    if level == "trusted":
        return []
    place = f"{peer.cwd}/.codex"
    if level is not None:
        detail = f"Codex was told not to trust the folder (trust_level {level!r}), so it reads nothing of ours there"
        return [SurfaceState(folder.SURFACE, "warn", detail, place, review(peer))]
    detail = "Codex does not trust the folder yet, so it reads nothing of ours there"
    if view.settings.grant_trust and not view.settings.with_core:
        armed = folder.armed_by_trust(view, peer)
        if not armed:
            return [SurfaceState(folder.SURFACE, "drift", detail, place)]
        detail = f"{detail}; trusting it would arm: {'; '.join(map(printable, armed))}"
        return [SurfaceState(folder.SURFACE, "warn", detail, place, review(peer))]
    return [SurfaceState(folder.SURFACE, "warn", detail, place, review(peer) if view.settings.with_core else GRANT)]


def bearer_states(view: View, part: Part) -> list[SurfaceState]:
    """Servers of others in the peer's file that name an unset variable: Codex silently drops those."""
    try:
        data = view.ground.read(part.path, part.inside)
        ours = view.settings.with_core and view.settings.transport == "http"
        if data is None or data.count(b"bearer_token_env_var") <= ours:
            return []
        servers = mcp.servers_of(data, part.path)
    except FileRefused:
        return []
    return unset_bearers(view, servers, part.path)


def unset_bearers(view: View, servers: Mapping[str, Any], path: str) -> list[SurfaceState]:
    """One warning for each foreign server whose bearer variable is unset."""
    states: list[SurfaceState] = []
    for name, server in servers.items():
        variable = server.get("bearer_token_env_var") if isinstance(server, dict) else None
        if name != SERVER and isinstance(variable, str) and not view.env.get(variable):
            detail = (
                f"{path}: server {name} names the variable {variable}, which is not set here: Codex silently drops it"
            )
            states.append(SurfaceState("bearer", "warn", detail, path))
    return states


def host_states(view: View) -> tuple[SurfaceState, ...]:
    """What stands in the user's own configuration and harms every peer."""
    user = view.codex()
    if user.problem is not None:
        return (SurfaceState("settings", "warn", user.problem, view.codex_config),)
    return tuple(unset_bearers(view, user.servers, view.codex_config))
