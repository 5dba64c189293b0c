"""The vault as a folder that Codex's sandbox may write to: `sandbox_workspace_write.writable_roots` of the user.

With the core nothing is written: it grants the vault itself when it starts a session.
Source: measured on Codex (`workspace-write` answers "Read-only file system" otherwise).
"""

from __future__ import annotations

from os.path import normpath

from iapeer_memory.surfaces.codex.userconfig import UserConfig
from iapeer_memory.surfaces.ledger import Share

SURFACE = "allow"
PATH = ("sandbox_workspace_write", "writable_roots")


def absent_roots(roots: tuple[str, ...], user: UserConfig) -> tuple[str, ...]:
    """Those that neither stand in the user's list nor lie below one that does."""
    if user.full_access:
        return ()
    open_places = tuple(normpath(place) for place in user.roots)
    return tuple(root for root in roots if not any(is_below(normpath(root), place) for place in open_places))


def is_below(path: str, place: str) -> bool:
    """Whether the path is the place or lies in it."""
    return path == place or path.startswith(place.rstrip("/") + "/")


def shares(roots: tuple[str, ...], user: str) -> tuple[Share, ...]:
    """The values that grant the folders."""
    return tuple(Share(PATH, root, (user,), append=True) for root in roots)
