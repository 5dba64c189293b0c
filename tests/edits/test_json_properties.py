"""JSON edits on random documents: foreign bytes stay, twice is once, and undo gives every byte back."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.edits.json_edit import edit_json, undo_json
from iapeer_memory.edits.ops import Append, Delete, Op, Set
from tests.support.documents import json_document

SERVER = ("mcpServers", "iapeer-memory")
ENTRY = {"type": "http", "url": "http://127.0.0.1:8766/mcp", "headers": {"X-IAPeer-Identity": "${P:-é}"}}
HOOK = {"hooks": [{"type": "command", "command": "/c/hooks/iapeer-memory.post-write.sh"}]}
OURS = {"mcpServers": "{", "hooks": "["}
ADDS: list[Op] = [
    Set(SERVER, ENTRY),
    Append(("hooks", "PostToolUse"), HOOK),
    Append(("permissions", "allow"), "mcp__iapeer-memory"),
    Set(("mcpServers", "iapeer-memory", "new", "deep"), [1, 1.0, True, None]),
    Set(("enabled",), []),
]
OPS = st.lists(st.sampled_from([*ADDS, Delete(SERVER, prune=True), Delete(("hooks",))]), min_size=1, max_size=3)
MANY = settings(max_examples=int(os.environ.get("EDITS_EXAMPLES", "150")), deadline=None)


def usable(ops: list[Op], data: bytes) -> bool:
    """Whether nothing on the paths is of another type (a random value may stand at our key)."""
    value = json.loads(data.decode().removeprefix("\ufeff"))
    ours = value.get("mcpServers", {}).get("iapeer-memory", {})
    first = next((op for op in ops if op.path[:2] == SERVER), None)
    return first is None or len(first.path) == 2 or isinstance(ours, dict)


def shared(one: bytes, two: bytes) -> int:
    """How many bytes the two have in common at the start."""
    return next(
        (at for at, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), min(len(one), len(two))
    )


def apply_plainly(value: Any, op: Op) -> Any:
    """The meaning of an operation, in the plainest words."""
    *way, last = op.path
    here = value
    chain = []
    for part in way:
        if isinstance(op, Delete) and part not in here:
            return value
        chain.append((here, part))
        here = here.setdefault(part, {})
    if isinstance(op, Set):
        here[last] = json.loads(json.dumps(op.value))
    elif isinstance(op, Append):
        items = here.setdefault(last, [])
        if json.dumps(op.value, sort_keys=True) not in [json.dumps(item, sort_keys=True) for item in items]:
            items.append(json.loads(json.dumps(op.value)))
    elif last in here:
        del here[last]
        while op.prune and not here and chain:
            here, part = chain.pop()
            del here[part]
    return value


@MANY
@given(json_document(OURS), OPS)
def test_meaning_twice_and_undo(data: bytes, ops: list[Op]) -> None:
    if not usable(ops, data):
        return
    edited = edit_json(data, ops, name="f.json")
    assert edited.data is not None
    expected = json.loads(data.decode().removeprefix("\ufeff"))
    for op in ops:
        expected = apply_plainly(expected, op)
    assert json.loads(edited.data.decode().removeprefix("\ufeff")) == expected
    last_words = [op for at, op in enumerate(ops) if all(op.path[:2] != later.path[:2] for later in ops[at + 1 :])]
    assert edit_json(edited.data, last_words, name="f.json").data is edited.data
    assert undo_json(edited.data, json.loads(json.dumps(edited.undo)), name="f.json") == data


@MANY
@given(json_document(OURS), st.sampled_from([op for op in ADDS if len(op.path) < 3]))
def test_one_addition_touches_no_foreign_byte(data: bytes, op: Op) -> None:
    edited = edit_json(data, [op], name="f.json").data
    assert edited is not None
    if b"iapeer-memory" in data and op.path == SERVER:
        return
    head = shared(data, edited)
    foot = shared(data[head:][::-1], edited[head:][::-1])
    assert data[head : len(data) - foot].strip() == b""


@MANY
@given(json_document(OURS), st.sampled_from([("zz",), ("mcpServers", "zz"), ("hooks", "Stop")]))
def test_undo_after_others_wrote(data: bytes, foreign: tuple[str, ...]) -> None:
    if b"iapeer-memory" in data:
        return
    change = [Append(foreign, {"deep": [1.50, "x"]})] if foreign[-1] == "Stop" else [Set(foreign, {"deep": [1.50]})]
    edited = edit_json(data, ADDS[:3], name="f").data
    undo = edit_json(data, ADDS[:3], name="f").undo
    theirs = edit_json(edited, change, name="f").data
    left = undo_json(theirs, undo, name="f")
    assert left is not None
    alone = edit_json(data, change, name="f").data
    assert alone is not None
    assert json.loads(left.decode().removeprefix("\ufeff")) == json.loads(alone.decode().removeprefix("\ufeff"))
    assert b"iapeer-memory" not in left


@MANY
@given(json_document(OURS))
def test_parts_alone_undo_to_the_byte(data: bytes) -> None:
    if b"iapeer-memory" in data:
        return
    edited = edit_json(data, ADDS[:3], name="f")
    assert undo_json(edited.data, edited.undo | {"back": None}, name="f") == data


@MANY
@given(json_document(OURS), st.integers(1, 40))
def test_carried_undo_takes_all_edits_back(data: bytes, ports: int) -> None:
    if b"iapeer-memory" in data:
        return
    now = edit_json(data, [Set(SERVER, ENTRY)], name="f")
    for port in range(ports):
        now = edit_json(now.data, [Set(SERVER, ENTRY | {"url": port})], name="f", since=now.undo)
    assert undo_json(now.data, now.undo, name="f") == data
    assert len(json.dumps(now.undo)) < 20_000
