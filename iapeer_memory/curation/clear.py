"""When the index curator's own edit takes a note off the queue. Decides; pure.

Only an edit of what the note says finalises it, and only one that the curator has stamped: not a touch of service
keys, not what somebody wrote over the curator's stamp. Source: the reference core's life cycle of the review flag.
"""

from __future__ import annotations

from iapeer_memory.curation.sight import Seen, Sight, Verdict


def clear(before: Seen | None, note: Sight, *, index_agent: str) -> Verdict:
    """clear, or why not. `index_agent`: the personality of the index curator."""
    if note.editor != index_agent:
        return Verdict(None, "not edited by the index curator")
    if not note.in_review:
        return Verdict(None, "not in review")
    if before is None or before.smart is None:
        return Verdict(None, "first sight")
    if before.smart == note.smart:
        return Verdict(None, "only service keys changed")
    if not note.moved(before):
        return Verdict(None, "not stamped since")
    return Verdict("clear", "finalised by the index curator")
