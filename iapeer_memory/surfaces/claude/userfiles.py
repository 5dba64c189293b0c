"""What the user's own Claude files say: trusted folders, local servers, approvals and permissions. Pure.

Source: measured on Claude Code (`~/.claude.json` projects, `settings.json`).
"""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class UserFiles:
    """Both files' meaning. `problem`: one line for each that cannot be used."""

    projects: Mapping[str, Any] = field(default_factory=dict)
    settings: Approvals = Approvals()
    problems: tuple[str, ...] = ()


def approvals(doc: Mapping[str, Any]) -> Approvals:
    """The keys of a settings document; wrong types count as absent."""
    permissions = doc.get("permissions")
    return Approvals(
        all_servers=doc.get("enableAllProjectMcpServers") is True,
        enabled=texts(doc.get("enabledMcpjsonServers")),
        disabled=texts(doc.get("disabledMcpjsonServers")),
        allow=texts(permissions.get("allow")) if isinstance(permissions, dict) else frozenset(),
    )


def texts(value: object) -> frozenset[str]:
    """The texts of a list."""
    return frozenset(v for v in value if isinstance(v, str)) if isinstance(value, list) else frozenset()


def parse(claude_json: bytes | None, claude_name: str, settings: bytes | None, settings_name: str) -> UserFiles:
    """Read both; never raises."""
    problems: list[str] = []

    def read(data: bytes | None, name: str) -> dict[str, Any]:
        if data is None:
            return {}
        try:
            return load_json(data, name)
        except FileRefused as error:
            problems.append(error.line())
            return {}

    projects = read(claude_json, claude_name).get("projects")
    return UserFiles(
        projects=projects if isinstance(projects, dict) else {},
        settings=approvals(read(settings, settings_name)),
        problems=tuple(problems),
    )
