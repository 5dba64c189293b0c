"""Our hooks in Claude's settings: `.claude/settings.json`, or `settings.local.json` where the team owns the first.

Source: the reference package's hooks chapter; which entries make a file dead, as measured on Claude Code.
"""

from __future__ import annotations

from iapeer_memory.edits.json_edit import edit_json, load_json
from iapeer_memory.edits.ops import Edited, Undo
from iapeer_memory.surfaces.hookfile import Events, broken_entry, merge_ops, remove_ops, wrong_events
from iapeer_memory.surfaces.part import OK, Part, Verdict

SURFACE = "hooks"
KINDS = frozenset(("command", "prompt", "agent", "http"))
"""Handler types that a settings file may hold without an older Claude dropping it."""


def settings_path(cwd: str) -> str:
    """The settings that a team shares."""
    return f"{cwd}/.claude/settings.json"


def local_path(cwd: str) -> str:
    """The settings that stay on this machine."""
    return f"{cwd}/.claude/settings.local.json"


def part(path: str, inside: str | None, wanted: Events, hooks_dir: str, *, drop_empty: bool = False) -> Part:
    """Our entries in a file with a `hooks` object (Codex uses the same shape)."""
    short = path.rsplit("/", 1)[-1]

    def judge(data: bytes | None) -> Verdict:
        if data is None:
            return Verdict("missing", f"no {short}")
        missing, drifted = wrong_events(load_json(data, path), wanted, hooks_dir, path)
        if not missing and not drifted:
            return OK
        if not drifted and set(missing) == set(wanted):
            return Verdict("missing", f"no hook of ours in {short} ({', '.join(missing)})")
        return Verdict("drift", f"missing or drifted in {short}: {', '.join((*missing, *drifted))}")

    def add(data: bytes | None, since: Undo | None) -> Edited:
        doc = {} if data is None else load_json(data, path)
        return edit_json(data, merge_ops(doc, wanted, hooks_dir, path), name=path, since=since)

    def strip(data: bytes) -> Edited:
        return edit_json(data, remove_ops(load_json(data, path), hooks_dir, path), name=path)

    return Part(SURFACE, path, inside, (short, hooks_dir), judge, add, strip, drop_empty)


def dead_because(data: bytes, path: str) -> str | None:
    """The foreign entry because of which a supported Claude drops the whole file. Raises FileRefused."""
    return broken_entry(load_json(data, path), KINDS)
