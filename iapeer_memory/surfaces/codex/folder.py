"""Codex's trust of a peer's folder: without it Codex reads nothing of `.codex/`, ours included.

Never grants what would arm something foreign: what trusting the folder would arm is listed first.
Source: measured on Codex (`[projects."<dir>"] trust_level`, of the folder, of its work tree's top, or of the top of
the main checkout).
"""

from __future__ import annotations

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.peer import Peer
from iapeer_memory.edits.json_edit import load_json
from iapeer_memory.edits.toml_edit import load_toml
from iapeer_memory.surfaces.codex import trust
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SERVER

SURFACE = "folder"
OURS = ("config.toml", "hooks.json")
HARMLESS = {"features": {"memories": False}}
"""Tables of the ecosystem's core in a peer's configuration, which arm nothing."""


def level(view: View, peer: Peer) -> str | None:
    """`trusted`, `untrusted`, or None where the user was never asked."""
    projects = view.codex().projects
    real = view.ground.real(peer.cwd)
    for place in (real, peer.cwd):
        if place in projects:
            return projects[place]
    tree = view.repository(peer.cwd) if projects else None
    return None if tree is None else projects.get(tree.top, projects.get(tree.main_top))


def armed_by_trust(view: View, peer: Peer) -> tuple[str, ...]:
    """One line for everything foreign in the peer's `.codex/` that trusting the folder would arm."""
    folder = f"{peer.cwd}/.codex"
    found: list[str] = []
    for name in view.files.list(folder) if view.ground.is_folder(folder) else ():
        path = f"{folder}/{name}"
        if name not in OURS:
            found.append(path)
            continue
        try:
            data = view.ground.read(path, peer.cwd)
            if data is None:
                continue
            found += armed_in_config(data, path) if name == "config.toml" else armed_in_hooks(view, data, path)
        except FileRefused as error:
            found.append(error.line())
    return tuple(found)


def armed_in_config(data: bytes, path: str) -> list[str]:
    """Foreign keys of a project's configuration. Raises FileRefused."""
    found: list[str] = []
    for key, value in load_toml(data, path).items():
        if key == "mcp_servers" and isinstance(value, dict):
            found += [f"{path}: mcp_servers.{name}" for name in value if name != SERVER]
        elif HARMLESS.get(key) != value:
            found.append(f"{path}: {key}")
    return found


def armed_in_hooks(view: View, data: bytes, path: str) -> list[str]:
    """Foreign hooks. Raises FileRefused."""
    hooks = trust.command_hooks(load_json(data, path), view.settings.hooks_dir)
    return [f"{path}: {hook.event}: {hook.command}" for hook in hooks if not hook.ours]
