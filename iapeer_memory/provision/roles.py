"""The roles manifest, `roles.json`: which curator peers were set up here, where, and from which template.

Source: the reference package's roles manifest. Written by init alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.provision.host import Host


@dataclass(frozen=True, slots=True)
class Role:
    """One entry: the role's name, its peer's folder, the template of its doctrine."""

    role: str
    peer_cwd: str
    template: str


def load_roles(host: Host) -> tuple[Role, ...] | Literal["absent", "unreadable"]:
    """The manifest as it is on disk."""
    try:
        data = host.door.files.read_optional(host.paths.roles, limit=1 << 20)
        raw = json.loads(data) if data is not None else None
    except (ValueError, Unreadable):
        return "unreadable"
    if data is None:
        return "absent"
    rows = raw.get("roles") if isinstance(raw, dict) else None
    if not isinstance(rows, list):
        return "unreadable"
    roles = []
    for row in rows:
        values = [row.get(key) if isinstance(row, dict) else None for key in ("role", "peerCwd", "template")]
        texts = [value for value in values if isinstance(value, str) and value]
        if len(texts) == len(values):
            roles.append(Role(*texts))
    return tuple(roles)


def dump_roles(roles: tuple[Role, ...]) -> bytes:
    """The file's bytes."""
    rows = [{"role": r.role, "peerCwd": r.peer_cwd, "template": r.template} for r in roles]
    return (json.dumps({"roles": rows}, indent=2, ensure_ascii=False) + "\n").encode()


def role_cwd(host: Host, role: str) -> str | None:
    """The folder of a role's peer, None where the manifest does not name it."""
    roles = load_roles(host)
    if isinstance(roles, str):
        return None
    return next((r.peer_cwd for r in roles if r.role == role), None)
