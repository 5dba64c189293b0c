"""Our hooks in Claude's settings: `.claude/settings.json`, or `settings.local.json` where the team owns the first.

Source: the reference package's hooks chapter; which entries make a file dead, as measured on Claude Code.
"""

from __future__ import annotations

from iapeer_memory.edits.json_edit import load_json
from iapeer_memory.surfaces.hookfile import broken_entry

KINDS = frozenset(("command", "prompt", "agent", "http"))
"""Handler types that a settings file may hold without an older Claude dropping it."""


def settings_path(cwd: str) -> str:
    """The settings that a team shares."""
    return f"{cwd}/.claude/settings.json"


def local_path(cwd: str) -> str:
    """The settings that stay on this machine."""
    return f"{cwd}/.claude/settings.local.json"


def dead_because(data: bytes, path: str) -> str | None:
    """The foreign entry because of which a supported Claude drops the whole file. Raises FileRefused."""
    return broken_entry(load_json(data, path), KINDS)
