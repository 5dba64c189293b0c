"""An edit by the person whose vault it is, made in an editor that knows no hook. Decides; pure.

Only in canon, and only with a name to give. Notes that are settled when they are first seen are never judged.
Source: the reference core's human edits and the order of its reasons to pass over a note.
"""

from __future__ import annotations

from iapeer_memory.curation.moment import fresh
from iapeer_memory.curation.sight import Seen, Sight, Verdict


def human(before: Seen | None, note: Sight, now: float, *, name: str, window: float) -> Verdict:
    """attribute (stamp it as written by `name`), or why not. `note` lies in canon."""
    if before is None or before.full is None:
        if before is not None and before.smart == note.smart:
            return Verdict(None, "the text is the same")
        if note.author:
            return Verdict(None, "settled at first sight")
        if note.editor and note.editor != name:
            # A curator never becomes an author; what he stamped is no bare note.
            return Verdict(None, "stamped by somebody else at first sight")
        return Verdict("attribute", "a bare note")
    if before.full == note.full:
        return Verdict(None, "the same bytes")
    if before.smart == note.smart:
        return Verdict(None, "only service keys changed")
    if fresh(note.service.updated, note.mtime, now, window):
        if note.editor == name:
            return Verdict(None, "an echo of the last stamp")
        if note.editor:
            return Verdict(None, "the hook just ran")
    return Verdict("attribute", "edited without a hook")
