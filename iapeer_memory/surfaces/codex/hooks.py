"""Our hooks in Codex's `hooks.json`: the peer's own, or the user's where the team owns the first.

Without a matcher on either event: the shims filter by tool name. What makes Codex drop the whole file is as measured
on codex-cli 0.169.0. Source: the reference package's codex hooks chapter.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from iapeer_memory.domain.errors import printable
from iapeer_memory.edits.json_edit import load_json
from iapeer_memory.surfaces.codex import trust
from iapeer_memory.surfaces.hookfile import broken_entry
from iapeer_memory.surfaces.hookpart import hooks_part
from iapeer_memory.surfaces.part import Part
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import Wanted, hook_entries

TOP_KEYS = frozenset(("description", "hooks"))
"""Another key at the top makes Codex drop the file."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "timeout": (int, type(None)),
    "async": (bool,),
    "statusMessage": (str, type(None)),
    "additionalContextLimit": (int, type(None)),
}
"""Fields of a hook whose type Codex insists on."""


def project_path(cwd: str) -> str:
    """The hooks of a peer's folder."""
    return f"{cwd}/.codex/hooks.json"


def part(view: View, path: str, inside: str | None, wanted: Wanted) -> Part:
    """Our entries in a Codex hooks file."""
    return hooks_part(path, inside, wanted.hooks, view.settings.hooks_dir, drop_empty=True)


def user_part(view: View) -> Part:
    """Our entries in the user's own hooks file, which are the same for every peer."""
    entries = hook_entries(view.settings.hooks_dir, with_matcher=False)
    return hooks_part(view.codex_hooks, None, entries, view.settings.hooks_dir, drop_empty=True)


def dead_because(view: View, part: Part) -> str | None:
    """Why Codex drops the hooks file, in words. Raises FileRefused."""
    data = view.ground.read(part.path, part.inside)
    key = ("codex-hooks", "dead", data)
    if key not in view.memo:
        view.memo[key] = None if data is None else dead(data, part.path)
    found: str | None = view.memo[key]
    return found


def dead(data: bytes, path: str) -> str | None:
    """As `dead_because`, of the bytes. Raises FileRefused."""
    if data.startswith(codecs.BOM_UTF8):
        return "a byte order mark stands at its start"
    doc = load_json(data, path)
    strange = [name for name in doc if name not in TOP_KEYS]
    if strange:
        return f"{printable(strange[0])} is not a key that Codex knows"
    if not isinstance(doc.get("hooks", {}), dict):
        return "hooks is not an object"
    return broken_entry(doc, trust.KINDS, trust.EVENTS, TYPES)
