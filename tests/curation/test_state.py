"""The two state files: those of an existing host are read, ours stay readable, garbage counts as never seen."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.curation.sight import Seen, sight_of
from iapeer_memory.curation.state import BATCHES, HASHES, State, dump_batches, dump_hashes, load
from iapeer_memory.curation.stored import load_state, save_state
from iapeer_memory.egress.real import real_door
from tests.support.curated import CANON, NOON, Curated, stamped

ROOT = "/home/anna/Заметки"
HASH, OTHER = "ab" * 32, "cd" * 32
REFERENCE_HASHES = {f"{ROOT}/01_Знания/ё.md": HASH, "/elsewhere/n.md": OTHER, f"{ROOT}/bad.md": 7, f"{ROOT}/b": "zz"}
REFERENCE_BATCHES = {
    "permanent": {"01_Знания/ё.md": OTHER},
    "inbox": {"legacy": 1},
    "silentStamps": {
        "01_Знания/ё.md": {"hash": OTHER, "updated": "2026-05-04 10:00", "leb": None},
        "no-hash.md": {"updated": "x", "leb": "y"},
        "number.md": {"hash": 5},
        "list.md": [],
    },
    "lastCuratorTickAt": 1777888999123.0,
}


def test_an_existing_hosts_files_are_read() -> None:
    state = load(json.dumps(REFERENCE_HASHES).encode(), json.dumps(REFERENCE_BATCHES).encode(), ROOT + "/")
    seen = Seen(bytes.fromhex(OTHER), "2026-05-04 10:00", None, bytes.fromhex(HASH))
    assert state.notes == {"01_Знания/ё.md": seen}
    assert (state.last_tick, state.baseline, state.changed) == (1777888999123, True, False)


def test_ours_have_the_same_shape_and_come_back() -> None:
    state = load(json.dumps(REFERENCE_HASHES).encode(), json.dumps(REFERENCE_BATCHES).encode(), ROOT)
    state.put('q"uote.md', Seen(bytes(32), 'a "b"', "alpha"))
    state.offered["x.md"] = 5
    state.arrived["y.md"] = bytes(32)
    hashes, batches = dump_hashes(state, ROOT), dump_batches(state)
    assert json.loads(hashes) == {f"{ROOT}/01_Знания/ё.md": HASH}
    assert json.loads(batches) == {
        "permanent": {"01_Знания/ё.md": OTHER, 'q"uote.md': "00" * 32},
        "silentStamps": {
            "01_Знания/ё.md": {"hash": OTHER, "updated": "2026-05-04 10:00", "leb": None},
            'q"uote.md': {"hash": "00" * 32, "updated": 'a "b"', "leb": "alpha"},
        },
        "lastCuratorTickAt": 1777888999123,
        "offered": {"x.md": 5},
        "arrived": {"y.md": "00" * 32},
    }
    assert "Знания".encode() in hashes and b": " not in hashes + batches.replace(b'a "b"', b"")
    assert load(hashes, batches, ROOT) == replace(state, changed=False)


def test_an_empty_state_is_two_empty_files() -> None:
    assert dump_hashes(State(), ROOT) == b"{}"
    assert json.loads(dump_batches(State()))["lastCuratorTickAt"] is None
    assert load(b"{}", dump_batches(State(baseline=True)), ROOT).baseline


def test_what_was_not_seen_whole_is_not_stored_as_seen() -> None:
    state = State(last_tick=5)
    state.put("a.md", Seen(bytes(32)))
    again = load(dump_hashes(state, ROOT), dump_batches(state), ROOT)
    assert (again.baseline, again.notes, again.last_tick) == (False, {}, 5)


@pytest.mark.parametrize(
    "garbage", [None, b"", b"\xff\xfe", b"{", b"[]", b"null", b"7", b'{"silentStamps": 3}', b"[" * 200_000]
)
def test_garbage_counts_as_never_seen(garbage: bytes | None) -> None:
    assert load(garbage, garbage, ROOT) == State()


@pytest.mark.parametrize(
    ("raw", "anchor"),
    [
        ("5", 5),
        ("5.9", 5),
        ("null", None),
        ("true", None),
        ('"5"', None),
        ("NaN", None),
        ("Infinity", None),
        ("[]", None),
    ],
)
def test_an_anchor_that_is_no_time_is_none(raw: str, anchor: int | None) -> None:
    assert load(None, f'{{"lastCuratorTickAt":{raw}}}'.encode(), ROOT).last_tick == anchor


def test_a_note_that_only_the_human_detector_has_seen_is_still_known_to_it(tmp_path: Path) -> None:
    """An older host's batches lack what its hashes have: the human's edit since then is still his."""
    bed = Curated(tmp_path)
    bed.rules = replace(bed.rules, human="anna")
    text = stamped(NOON - 86400)
    full = sight_of(CANON, text.encode(), 0).full.hex()
    bed.state = load(json.dumps({f"{bed.vault}/{CANON}": full}).encode(), b"{}", str(bed.vault))
    bed.put(text + "More.\n")
    assert [verdict.act for _, verdict in bed.look().acted] == ["attribute"]


def test_a_restart_judges_as_if_there_had_been_none(tmp_path: Path) -> None:
    bed = Curated(tmp_path)
    bed.put(stamped(NOON))
    bed.look()
    bed.state.baseline = True
    bed.state = load(dump_hashes(bed.state, str(bed.vault)), dump_batches(bed.state), str(bed.vault))
    bed.later(50)
    bed.edit()
    assert [verdict.act for _, verdict in bed.detector().look([CANON], bed.now).acted] == ["mark"]
    assert f"updated: {stamp_text(bed.now)}" in bed.read()


def test_state_of_many_notes_is_small_and_quick(tmp_path: Path) -> None:
    """50,000 notes: the two files are written and read back within the time of a few passes over their bytes."""
    state = State(baseline=True)
    for number in range(50_000):
        hash_ = hashlib.sha256(str(number).encode()).digest()
        state.put(f"01_Knowledge/Some note {number}.md", Seen(hash_, stamp_text(NOON + number), "alpha", hash_))
    hashes, batches = dump_hashes(state, str(tmp_path)), dump_batches(state)
    began = time.thread_time()
    assert json.loads(hashes) and json.loads(batches)
    baseline = time.thread_time() - began
    began = time.thread_time()
    again = load(hashes, batches, str(tmp_path))
    assert (dump_hashes(again, str(tmp_path)), dump_batches(again)) == (hashes, batches)
    assert time.thread_time() - began < 20 * baseline


def test_the_files_are_private_and_written_only_when_something_changed(tmp_path: Path) -> None:
    files, place = real_door().files, tmp_path / "cache"
    place.mkdir()
    folder = str(place)
    state = load_state(files, folder, ROOT)
    assert not state.baseline and not save_state(files, folder, ROOT, state)
    state.put(CANON, Seen(bytes(32), "2026-05-04", "alpha", bytes(32)))
    state.baseline = True
    state.ticked(7, {CANON: 7})
    assert save_state(files, folder, ROOT, state) and not save_state(files, folder, ROOT, state)
    assert load_state(files, folder, ROOT) == state
    assert {path.name: path.stat().st_mode & 0o777 for path in place.iterdir()} == {HASHES: 0o600, BATCHES: 0o600}


def test_state_files_that_cannot_be_read_count_as_none(tmp_path: Path) -> None:
    (tmp_path / BATCHES).mkdir()
    os.mkfifo(tmp_path / HASHES)
    assert load_state(real_door().files, str(tmp_path), ROOT) == State()
