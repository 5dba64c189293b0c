"""Hooks: what is ours, what is drift, and edits that keep every foreign hook."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.errors import Malformed
from iapeer_memory.edits.json_edit import edit_json
from iapeer_memory.surfaces.hookfile import (
    broken_entry,
    is_our_command,
    merge_ops,
    remove_ops,
    wrong_events,
)
from iapeer_memory.surfaces.want import hook_entries, shell_command

DIR = "/h/hooks"
WANTED = hook_entries(DIR, with_matcher=True)
OURS = dict(WANTED["PostToolUse"])
START = dict(WANTED["SessionStart"])
STALE = {"hooks": [{"type": "command", "command": "/old/iapeer-memory.post-write.sh"}]}


def hook(command: str) -> dict[str, Any]:
    return {"type": "command", "command": command}


def entry(*commands: str, **more: Any) -> dict[str, Any]:
    return {**more, "hooks": [hook(command) for command in commands]}


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("/a/iapeer-memory.post-write.sh", True),
        ("'/a b/iapeer-memory.x.sh' --flag", True),
        ('"/a b/iapeer-memory.x.sh"', True),
        ("iapeer-memory.x.sh", True),
        ("/a/iapeer-memory.d/run.sh", False),
        ("/a/iapeer-memory.post-write.sh.bak", False),
        ("echo /a/iapeer-memory.post-write.sh", False),
        ("sh /a/iapeer-memory.post-write.sh", False),
        ("/a/'unclosed iapeer-memory.x.sh", False),
        ("", False),
        (5, False),
        (None, False),
    ],
)
def test_ownership(command: object, ours: bool) -> None:
    assert is_our_command(command, DIR) is ours


def test_an_unquoted_path_with_spaces_into_our_folder_is_ours() -> None:
    assert is_our_command("/my host/hooks/iapeer-memory.x.sh", "/my host/hooks")
    assert shell_command("/my host/it's.sh") == "'/my host/it'\"'\"'s.sh'"
    assert shell_command("/plain/x.sh") == "/plain/x.sh"


CASES: list[tuple[str, Any, Any]] = [
    ("empty", {}, {"PostToolUse": [OURS], "SessionStart": [START]}),
    ("empty hooks", {"hooks": {}}, {"PostToolUse": [OURS], "SessionStart": [START]}),
    (
        "foreign first, ours after",
        {"hooks": {"PostToolUse": [entry("lint")]}},
        {"PostToolUse": [entry("lint"), OURS], "SessionStart": [START]},
    ),
    (
        "stale replaced where it stands, so that no foreign entry moves",
        {"hooks": {"PostToolUse": [STALE, entry("lint")], "SessionStart": [START]}},
        {"PostToolUse": [OURS, entry("lint")], "SessionStart": [START]},
    ),
    (
        "duplicates reduced to one, the right one kept in place",
        {"hooks": {"PostToolUse": [entry("a"), OURS, STALE, entry("b"), OURS], "SessionStart": [START]}},
        {"PostToolUse": [entry("a"), OURS, entry("b")], "SessionStart": [START]},
    ),
    (
        "a foreign hook that shares our entry stays with its matcher",
        {"hooks": {"PostToolUse": [entry("lint", f"{DIR}/iapeer-memory.post-write.sh", "fmt", matcher="Write")]}},
        {"PostToolUse": [entry("lint", "fmt", matcher="Write"), OURS], "SessionStart": [START]},
    ),
    (
        "an old event of ours goes, and only that",
        {"hooks": {"Stop": [entry("/o/iapeer-memory.stop.sh"), entry("bye")], "PreToolUse": [STALE]}},
        {"Stop": [entry("bye")], "PostToolUse": [OURS], "SessionStart": [START]},
    ),
    (
        "strange foreign shapes are left alone",
        {"hooks": {"Stop": 5, "PostToolUse": [7, {"hooks": 3}, {"matcher": 1}], "SessionStart": [START]}},
        {"Stop": 5, "PostToolUse": [7, {"hooks": 3}, {"matcher": 1}, OURS], "SessionStart": [START]},
    ),
]


@pytest.mark.parametrize(("before", "after"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_merge(before: Any, after: Any) -> None:
    data = json.dumps(before).encode()
    new = edit_json(data, merge_ops(before, WANTED, DIR, "f"), name="f").data
    assert new is not None
    assert json.loads(new)["hooks"] == after
    assert merge_ops(json.loads(new), WANTED, DIR, "f") == ()


@pytest.mark.parametrize("doc", [{"hooks": []}, {"hooks": {"PostToolUse": {}}}, {"hooks": {"SessionStart": "x"}}, []])
def test_a_wrong_type_on_our_way_is_refused(doc: Any) -> None:
    with pytest.raises(Malformed):
        merge_ops(doc, WANTED, DIR, "f")


FOREIGN_ENTRY: st.SearchStrategy[Any] = st.sampled_from(
    [entry("a"), entry("b", "c", matcher="X"), {"hooks": []}, {"matcher": "y"}, 3, None]
)
ANY_ENTRY = FOREIGN_ENTRY | st.sampled_from([OURS, STALE, START, entry("a", "/q/iapeer-memory.z.sh", "b")])
EVENTS = st.dictionaries(
    st.sampled_from(["PostToolUse", "SessionStart", "Stop", "Weird"]), st.lists(ANY_ENTRY, max_size=5), max_size=4
)


def foreign(events: dict[str, list[Any]]) -> list[tuple[str, object]]:
    """Every foreign hook or entry, in order, by event."""
    found: list[tuple[str, object]] = []
    for event in sorted(events):
        for one in events[event]:
            hooks = one.get("hooks") if isinstance(one, dict) else None
            if not isinstance(hooks, list) or not hooks:
                found.append((event, one))
            else:
                found += [(event, h["command"]) for h in hooks if not is_our_command(h["command"], DIR)]
    return found


@given(EVENTS)
def test_any_mixture_converges_and_keeps_every_foreign_hook(events: dict[str, list[Any]]) -> None:
    doc = {"hooks": events, "other": 1}
    data = json.dumps(doc).encode()
    merged = json.loads(edit_json(data, merge_ops(doc, WANTED, DIR, "f"), name="f").data or b"")
    assert wrong_events(merged, WANTED, DIR, "f") == ((), ())
    assert foreign(merged["hooks"]) == foreign(events)
    removed = json.loads(edit_json(json.dumps(merged).encode(), remove_ops(merged, DIR, "f"), name="f").data or b"")
    assert foreign(removed.get("hooks", {})) == foreign(events)
    assert remove_ops(removed, DIR, "f") == ()


@pytest.mark.parametrize(
    ("hooks", "why"),
    [
        ({"Stop": [entry("a")]}, None),
        ({"Stop": [entry("a", matcher=5)]}, "hooks.Stop[0].matcher"),
        ({"Stop": [entry("a"), {"hooks": [{"type": "weird"}]}]}, "hooks.Stop[1].hooks[0]"),
        ({"Stop": [{"hooks": [{"type": "command"}]}]}, "hooks.Stop[0].hooks[0]"),
        ({"Stop": 5}, "hooks.Stop"),
        ({"Stop": [{"hooks": 5}]}, "hooks.Stop[0]"),
    ],
)
def test_what_makes_a_file_dead(hooks: Any, why: str | None) -> None:
    found = broken_entry({"hooks": hooks}, frozenset(("command",)))
    assert found is None if why is None else found is not None and found.startswith(why)
