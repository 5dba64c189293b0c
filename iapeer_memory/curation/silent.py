"""An edit that went around the hook: the text moved, its fresh stamp did not. Decides; pure.

Who wrote cannot be told, so such a note is marked as edited by nobody known. An old stamp is no evidence of anything
and is left to the detector of human edits. Source: the reference core's silent edits.
"""

from __future__ import annotations

from iapeer_memory.curation.moment import younger
from iapeer_memory.curation.sight import Seen, Sight, Verdict
from iapeer_memory.vault.fences import cut
from iapeer_memory.vault.service import UNSTAMPED


def silent(before: Seen | None, note: Sight, now: float, *, window: float, typist: str | None, review: bool) -> Verdict:
    """mark, or why not.

    `typist`: who goes on typing after a stamp of his own, and is not marked for it (the human, in canon); None:
    nobody. `review`: whether an edit asks for a curator.
    """
    if before is None or before.smart is None:
        return Verdict(None, "first sight")
    if before.smart == note.smart:
        return Verdict(None, "the text is the same")
    if note.moved(before):
        return Verdict(None, "stamped")
    found = cut(note.data)
    if found is None or found.empty:
        return Verdict(None, "no frontmatter")
    if not younger(note.service.updated, now, window):
        return Verdict(None, "the stamp is old")
    if typist and note.editor == typist:
        return Verdict(None, "its last editor goes on")
    if before.editor == UNSTAMPED and (note.in_review or not review):
        return Verdict(None, "marked already")
    return Verdict("mark", "edited around the hook")
