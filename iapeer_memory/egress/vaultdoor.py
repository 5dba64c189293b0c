"""A vault's root behind a door: notes are written by their own verbs, and yet obey the belt, a dry run and a look.

Never opens a vault that the door would not let be written: whoever writes a note asks first.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.notefile import VaultRoot

if TYPE_CHECKING:
    from iapeer_memory.egress.notefile import Guard

READING = ("read-only", "overlay")


def open_vault(door: Door, path: str) -> VaultRoot:
    """The root, for `NoteWriter`. Raises OSError where there is no such folder."""
    return VaultRoot(path, guard=guard_of(door))


def guard_of(door: Door) -> Guard | None:
    """What a write is asked of: the belt, wherever it stands in the door; a door that only looks refuses all."""
    if door.kind in READING:
        return only_looking
    channel: object = door.files
    while channel is not None:
        check = getattr(channel, "check", None)
        if check is not None:
            guard: Guard = check
            return guard
        channel = getattr(channel, "_files", None)
    return None


def only_looking(verb: str, path: str) -> None:
    """Refuse. Raises PermissionError."""
    raise PermissionError(errno.EPERM, f"this run changes nothing, and would {verb}", path)
