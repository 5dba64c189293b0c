"""What the user's own Claude files say: trusted folders, local servers, approvals and permissions. Pure.

Source: measured on Claude Code (`~/.claude.json` projects, `settings.json`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits.json_edit import load_json


@dataclass(frozen=True, slots=True)
class Approvals:
    """The keys of one settings file that decide whether a project's server is loaded, and what it may do."""

    all_servers: bool = False
    enabled: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class UserFiles:
    """Both files' meaning. `problem`: one line for each that cannot be used."""

    projects: Mapping[str, Any] = field(default_factory=dict)
    settings: Approvals = Approvals()
    problems: tuple[str, ...] = ()


def approvals(doc: Mapping[str, Any]) -> Approvals:
    """The keys of a settings document; wrong types count as absent."""
    found = doc.get("permissions")
    permissions = found if isinstance(found, dict) else {}
    return Approvals(
        all_servers=doc.get("enableAllProjectMcpServers") is True,
        enabled=texts(doc.get("enabledMcpjsonServers")),
        disabled=texts(doc.get("disabledMcpjsonServers")),
        allow=texts(permissions.get("allow")),
        folders=texts(permissions.get("additionalDirectories")),
    )


def texts(value: object) -> frozenset[str]:
    """The texts of a list."""
    return frozenset(v for v in value if isinstance(v, str)) if isinstance(value, list) else frozenset()


def load(read: Callable[[str], bytes | None], claude_json: str, settings: str) -> UserFiles:
    """Read both through `read`; never raises FileRefused."""
    problems: list[str] = []

    def doc(path: str) -> dict[str, Any]:
        try:
            data = read(path)
            return {} if data is None else load_json(data, path)
        except FileRefused as error:
            problems.append(error.line())
            return {}

    projects = doc(claude_json).get("projects")
    return UserFiles(
        projects=projects if isinstance(projects, dict) else {},
        settings=approvals(doc(settings)),
        problems=tuple(problems),
    )
