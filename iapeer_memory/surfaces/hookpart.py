"""The `hooks` surface as a part of one file; Claude and Codex share the shape.

Source of the shape: the reference package's hooks chapter.
"""

from __future__ import annotations

from iapeer_memory.edits.json_edit import edit_json, load_json
from iapeer_memory.edits.ops import Edited, Undo
from iapeer_memory.surfaces.hookfile import Events, merge_ops, remove_ops, wrong_events
from iapeer_memory.surfaces.part import OK, Part, Verdict

SURFACE = "hooks"


def hooks_part(path: str, inside: str | None, wanted: Events, hooks_dir: str, *, drop_empty: bool = False) -> Part:
    """Our entries in a file with a `hooks` object."""
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
