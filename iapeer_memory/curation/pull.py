"""Whether git has just moved the notes of a vault: a pull, a checkout, a merge, a reset, anything but a commit. Pure.

What git put there was written somewhere else, by somebody else, at some other time. Source: git's reflog format
(`<old> <new> <who> <epoch> <zone>\\t<action>: <subject>`, a line a movement of HEAD).
"""

from __future__ import annotations

import re

REFLOG = ".git/logs/HEAD"
"""Below the vault's root."""
ENTRY = re.compile(rb"[0-9a-f]+ [0-9a-f]+ .*> (\d{1,15}) [+-]\d{4}(?:\t(.*))?\Z")
HARMLESS = (b"commit", b"branch", b"Branch")
"""Actions that leave the files as they are."""


def pulled(reflog: bytes, now: float, window: float) -> bool:
    """Whether the reflog (or its end) tells of a movement in the last `window` seconds that changed files."""
    for line in reversed(reflog.rstrip(b"\n").split(b"\n")[-50:]):
        found = ENTRY.match(line)
        if found is None:
            continue
        if not now - window <= int(found[1]) <= now + window:
            return False
        if not (found[2] or b"commit").startswith(HARMLESS):
            return True
    return False
