"""TOML edits on random documents: comments and foreign lines stay, twice is once, and undo gives every byte back."""

from __future__ import annotations

import json
import os
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits.ops import Append, Delete, Op, Set
from iapeer_memory.edits.toml_edit import edit_toml, undo_toml
from tests.support.documents import toml_document

SERVER = ("mcp_servers", "iapeer-memory")
TABLE: dict[str, Any] = {
    "url": "http://127.0.0.1:8766/mcp",
    "default_tools_approval_mode": "approve",
    "env_http_headers": {"X-IAPeer-Identity": "PEER_IDENTITY"},
}
ADDS: list[Op] = [
    Set(SERVER, TABLE),
    Append(("sandbox_workspace_write", "writable_roots"), "/vault"),
    Set(("hooks", "state", '/a "b"/hooks.json:post_tool_use:0:0'), {"trusted_hash": "sha256:1"}),
    Set(("model",), "x"),
    Set(("features", "memories"), False),
]
OPS = st.lists(
    st.sampled_from([*ADDS, Delete(SERVER, prune=True), Delete(SERVER), Delete(("mcp_servers", "other"), prune=True)]),
    min_size=1,
    max_size=3,
)
MANY = settings(max_examples=int(os.environ.get("EDITS_EXAMPLES", "150")), deadline=None)


def loaded(data: bytes | None) -> Any:
    assert data is not None
    return tomllib.loads(data.decode().removeprefix("\ufeff"))


def refusable(data: bytes, op: Op) -> bool:
    """Whether a container on the path is of another type."""
    here = loaded(data)
    for at, part in enumerate(op.path):
        last = at == len(op.path) - 1
        if last and not (isinstance(op, Append) and part in here):
            return False
        if part not in here:
            return False
        here = here[part]
        if last:
            return not isinstance(here, list)
        if not isinstance(here, dict):
            return True
    return False


@MANY
@given(toml_document(), OPS)
def test_twice_is_once_and_undo_is_exact(data: bytes, ops: list[Op]) -> None:
    try:
        edited = edit_toml(data, ops, name="c.toml")
    except FileRefused as refusal:
        assert "guard" not in refusal.reason, refusal.reason
        assert any(refusable(data, op) for op in ops)
        return
    assert edited.data is not None
    last = [op for at, op in enumerate(ops) if all(op.path[0] != later.path[0] for later in ops[at + 1 :])]
    assert edit_toml(edited.data, last, name="c.toml").data is edited.data
    assert undo_toml(edited.data, json.loads(json.dumps(edited.undo)), name="c.toml") == data
    for op in last:
        here = loaded(edited.data)
        for part in op.path[:-1]:
            here = here.get(part, {})
        if isinstance(op, Set):
            assert here[op.path[-1]] == op.value
        elif isinstance(op, Append):
            assert op.value in here[op.path[-1]]
        else:
            assert op.path[-1] not in here


@MANY
@given(toml_document(), st.sampled_from(ADDS))
def test_every_foreign_line_stays(data: bytes, op: Op) -> None:
    """Each old line is in the new text in its order, but for the one that holds the array or inline table we extend."""
    if b"iapeer-memory" in data:
        return
    try:
        edited = edit_toml(data, [op], name="c.toml").data
    except FileRefused:
        return
    assert edited is not None
    new = iter(edited.decode().removeprefix("\ufeff").splitlines())
    extended = ("mcp_servers", "sandbox_workspace_write", "writable_roots", '"/two"', "hooks.state", "features")
    for line in data.decode().removeprefix("\ufeff").splitlines():
        if line.strip() and not any(word in line for word in extended):
            assert line in new, line
    if b"\r\n" in data and b"\n" not in data.replace(b"\r\n", b""):
        assert b"\n" not in edited.replace(b"\r\n", b"")


@MANY
@given(toml_document())
def test_undo_after_others_wrote(data: bytes) -> None:
    if b"iapeer-memory" in data or b"/vault" in data:
        return
    try:
        edited = edit_toml(data, ADDS[:3], name="c")
        theirs = edit_toml(edited.data, [Set(("zz", "k"), 1)], name="c").data
        alone = edit_toml(data, [Set(("zz", "k"), 1)], name="c").data
    except FileRefused:
        return
    left = undo_toml(theirs, edited.undo, name="c")
    assert loaded(left) == loaded(alone)


@MANY
@given(toml_document())
def test_parts_alone_undo_to_the_byte(data: bytes) -> None:
    if b"iapeer-memory" in data:
        return
    try:
        edited = edit_toml(data, [Set(SERVER, TABLE)], name="c")
    except FileRefused:
        return
    assert undo_toml(edited.data, edited.undo | {"back": None}, name="c") == data
