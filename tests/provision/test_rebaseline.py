"""What the daemon remembers of notes after their peer was renamed: what we wrote is known, what others wrote is not."""

from __future__ import annotations

from iapeer_memory.curation.sight import Seen, sight_of
from iapeer_memory.curation.state import State
from iapeer_memory.notes.rename import Naming
from iapeer_memory.provision.rebaseline import put_back, rekey, set_aside
from iapeer_memory.vault.locales.en import LOCALE as EN

AB = Naming("alpha", "beta", EN)
PATH, PLACE = "06_Agent_Memory/alpha/n.md", "06_Agent_Memory/beta/n.md"
BEFORE = b"---\nauthor: alpha\nlast_edited_by: alpha\nupdated: 2026-01-02 03:04:05\n---\nText.\n"
AFTER = AB.edit(BEFORE)


def seen(data: bytes) -> Seen:
    """The baseline of a note that was seen so."""
    note = sight_of("x", data, 0.0)
    return Seen(note.smart, note.service.updated, note.service.last_edited_by, note.full)


def test_paths_and_names_become_the_new_ones() -> None:
    other = seen(b"---\nlast_edited_by: gamma\n---\n")
    state = State(notes={PATH: seen(BEFORE), "01_Knowledge/x.md": other}, offered={PATH: 5}, arrived={PATH: b"x" * 32})
    rekey(state, AB)
    assert list(state.notes) == [PLACE, "01_Knowledge/x.md"] and state.changed
    assert state.notes[PLACE].editor == "beta" and state.notes["01_Knowledge/x.md"] == other
    assert (state.offered, state.arrived) == ({PLACE: 5}, {PLACE: b"x" * 32})
    state.changed = False
    rekey(state, AB)
    assert not state.changed


def test_what_is_about_to_change_was_never_seen_until_it_has() -> None:
    state = State(notes={PATH: seen(BEFORE)}, arrived={PATH: sight_of("", BEFORE, 0.0).smart})
    rekey(state, AB)
    aside = set_aside(state, [PLACE, "nowhere.md"])
    assert state.notes == {} and list(aside) == [PLACE]
    put_back(state, aside[PLACE], PLACE, BEFORE, AFTER)
    assert state.notes == {PLACE: seen(AFTER)}
    assert state.arrived == {PLACE: sight_of("", AFTER, 0.0).smart}


def test_what_somebody_else_wrote_meanwhile_is_still_to_be_judged() -> None:
    """The note was seen, then edited around the hook, then renamed by us: the edit is not ours."""
    was = seen(BEFORE)
    theirs = BEFORE + b"More.\n"
    state = State(notes={PATH: was})
    rekey(state, AB)
    aside = set_aside(state, [PLACE])
    put_back(state, aside[PLACE], PLACE, theirs, AB.edit(theirs))
    kept = state.notes[PLACE]
    assert (kept.smart, kept.full, kept.editor) == (was.smart, was.full, "beta")
    assert not sight_of(PLACE, AB.edit(theirs), 0.0).moved(kept)
