"""The daemon's memory of notes when a peer is renamed: kept by the new paths, and what we write is known to it.

Before the notes change, what is about to change counts as never seen: whoever starts the daemon in the middle of an
interrupted renaming has it judge nothing. Afterwards it has seen what we have written, so nobody is said to have
edited it. What somebody else had written and the daemon had not yet judged stays to be judged. Touches no disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from iapeer_memory.curation.sight import Seen, sight_of
from iapeer_memory.curation.state import State
from iapeer_memory.notes.rename import Naming


def rekey(state: State, naming: Naming) -> None:
    """Every path below the old folders becomes the new one; who edited last is called by the new name."""
    notes = {naming.place(path): _called(seen, naming) for path, seen in state.notes.items()}
    offered = {naming.place(path): moment for path, moment in state.offered.items()}
    arrived = {naming.place(path): mark for path, mark in state.arrived.items()}
    if (notes, offered, arrived) == (state.notes, state.offered, state.arrived):
        return
    state.notes, state.offered, state.arrived = notes, offered, arrived
    state.changed = True


def set_aside(state: State, paths: Iterable[str]) -> dict[str, Seen]:
    """Forget what was seen of these notes, and hand it out."""
    aside = {path: state.notes.pop(path) for path in paths if path in state.notes}
    state.changed = state.changed or bool(aside)
    return aside


def put_back(state: State, aside: Seen, path: str, before: bytes, after: bytes) -> None:
    """Remember a note that we have changed: as it is now where `before` was known, else as it was known."""
    was, now = sight_of(path, before, 0.0), sight_of(path, after, 0.0)
    if aside.smart == was.smart:
        aside = replace(aside, smart=now.smart, updated=now.service.updated, editor=now.service.last_edited_by)
    if aside.full == was.full:
        aside = replace(aside, full=now.full)
    state.put(path, aside)
    if state.arrived.get(path) == was.smart:
        state.arrived[path] = now.smart


def _called(seen: Seen, naming: Naming) -> Seen:
    return replace(seen, editor=naming.new) if seen.editor == naming.old else seen
