"""Codex's trust in hooks: the key and the hash it works out, when it runs a hook, and what makes a file dead."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.codex import parse_hooks
from tests.support.harness.model import Model
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer
from tests.support.harness.trust import hook_hash, hook_key

pytestmark = pytest.mark.harness

EVENTS = (
    "PreToolUse", "PermissionRequest", "PostToolUse", "PreCompact", "PostCompact", "SessionStart", "SessionEnd",
    "UserPromptSubmit", "SubagentStart", "SubagentStop", "Stop",
)  # fmt: skip
OURS = {"type": "command", "command": "/srv/hooks/iapeer-memory.post-write.sh"}
HANDLERS: list[dict[str, Any]] = [
    OURS,
    {**OURS, "timeout": 5},
    {**OURS, "timeout": 0},
    {**OURS, "timeoutSec": 7},
    {**OURS, "async": True},
    {**OURS, "async": False},
    {**OURS, "statusMessage": "Busy…"},
    {**OURS, "additionalContextLimit": 100},
    {**OURS, "unknown": 1},
    {"type": "command", "command": "'/srv/my hooks/\u00e9 \"q\" \\ \u2028 \U0001f600.sh'"},
    {"type": "command", "command": "  /srv/<a>&b\t\x7f.sh "},
]
GROUPS: list[dict[str, Any]] = [{}, {"matcher": "Write|Edit"}, {"matcher": ""}, {"matcher": None}]


def test_the_key_and_the_hash_of_every_hook_are_what_we_work_out(harnesses: Harnesses, bed: Bed) -> None:
    bed.trust_codex()
    path = os.path.join(bed.peer, ".codex", "hooks.json")
    document = {event: [{**group, "hooks": HANDLERS} for group in GROUPS] for event in EVENTS}
    bed.put_json(path, {"hooks": document})
    reported = {hook.key: hook.hash for hook in bed.codex(harnesses).hooks(bed.peer)}
    expected = {
        hook_key(path, event, number, index): hook_hash(event, group, handler)
        for event, groups in document.items()
        for number, group in enumerate(groups)
        for index, handler in enumerate(HANDLERS)
    }
    assert reported == expected


def test_a_hook_runs_only_when_it_is_trusted_and_says_nothing_before(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    bed.wire_codex(memory.port, start="CONTEXT-ALPHA")
    bed.trust_codex()
    codex = bed.codex(harnesses)
    with Model([]) as model:
        session = codex.session(bed.peer, model)
    assert session.done.code == 0
    assert session.errors == []
    assert "hook" not in session.done.err
    assert bed.fired("session-start") == []
    bed.trust_hooks(*codex.hooks(bed.peer))
    assert {hook.trust for hook in codex.hooks(bed.peer)} == {"trusted"}
    with Model([]) as model:
        codex.session(bed.peer, model)
    assert "CONTEXT-ALPHA" in model.text("developer")


def test_an_edited_command_is_modified_and_does_not_run(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    bed.wire_codex(memory.port, start="CONTEXT-ALPHA")
    bed.trust_codex()
    codex = bed.codex(harnesses)
    bed.trust_hooks(*codex.hooks(bed.peer))
    path = os.path.join(bed.peer, ".codex", "hooks.json")
    bed.put(path, bed.read(path).replace("session-start.sh", "session-start.sh --more"))
    assert {hook.event: hook.trust for hook in codex.hooks(bed.peer)} == {
        "postToolUse": "trusted", "sessionStart": "modified",
    }  # fmt: skip
    with Model([]) as model:
        codex.session(bed.peer, model)
    assert "CONTEXT-ALPHA" not in model.text()


def test_the_hooks_of_an_untrusted_folder_are_not_even_listed(harnesses: Harnesses, bed: Bed) -> None:
    bed.wire_codex(8766)
    assert bed.codex(harnesses).hooks(bed.peer) == ()


def test_one_call_lists_the_hooks_of_many_folders(harnesses: Harnesses, bed: Bed) -> None:
    bed.wire_codex(8766)
    bed.trust_codex()
    other = os.path.join(bed.root, "other")
    os.makedirs(other)
    hooks = bed.codex(harnesses).hooks(bed.peer, other)
    assert {hook.source for hook in hooks} == {os.path.join(bed.peer, ".codex", "hooks.json")}


def test_the_users_own_hooks_file_works_in_every_folder(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    bed.wire_codex(memory.port, start="CONTEXT-ALPHA")
    mine = os.path.join(bed.home, ".codex", "hooks.json")
    os.makedirs(os.path.dirname(mine))
    os.rename(os.path.join(bed.peer, ".codex", "hooks.json"), mine)
    codex = bed.codex(harnesses)
    hooks = codex.hooks(bed.peer)
    assert {hook.raw["source"] for hook in hooks} == {"user"}
    assert {hook.key.rsplit(":", 3)[0] for hook in hooks} == {mine}
    bed.trust_hooks(*hooks)
    with Model([]) as model:
        codex.session(bed.peer, model)
    assert "CONTEXT-ALPHA" in model.text("developer")


DEAD = {
    "trailing comma": ('{"hooks": {},}', "trailing comma"),
    "byte order mark": ('\ufeff{"hooks": {}}', "expected value"),
    "foreign key": ('{"mine": 1, "hooks": {}}', "unknown field `mine`"),
    "foreign type": ('{"hooks": {"Stop": [{"hooks": [{"type": "weird"}]}]}}', "unknown variant `weird`"),
    "number as matcher": ('{"hooks": {"Stop": [{"matcher": 3, "hooks": []}]}}', "expected a string"),
    "no command": ('{"hooks": {"Stop": [{"hooks": [{"type": "command"}]}]}}', "missing field `command`"),
    "text as timeout": (
        '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/x", "timeout": "5"}]}]}}', "expected u64",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEAD)
def test_what_kills_a_whole_hooks_file_with_only_a_warning(harnesses: Harnesses, bed: Bed, name: str) -> None:
    text, said = DEAD[name]
    bed.trust_codex()
    path = os.path.join(bed.peer, ".codex", "hooks.json")
    bed.put(path, text)
    with bed.codex(harnesses).app_server(bed.peer) as server:
        result = server.call("hooks/list", {"cwds": [bed.peer]})
    assert parse_hooks(result) == ()
    (warning,) = result["data"][0]["warnings"]
    assert path in warning
    assert said in warning


def test_what_a_hooks_file_bears(harnesses: Harnesses, bed: Bed) -> None:
    """An unknown event and a hook of another type are skipped, and every other hook keeps its number."""
    bed.trust_codex()
    path = os.path.join(bed.peer, ".codex", "hooks.json")
    hooks = [{"type": "prompt", "prompt": "x"}, {"type": "command", "command": ""}, OURS]
    bed.put_json(path, {"hooks": {"Nope": [{"hooks": [OURS]}], "PostToolUse": [{"hooks": hooks}]}})
    (hook,) = bed.codex(harnesses).hooks(bed.peer)
    assert hook.key == f"{path}:post_tool_use:0:2"


def test_links_are_resolved_in_the_folder_codex_stands_in_but_not_in_the_file(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    """A hooks file that is a link keeps the link's own name in the key; a folder given by `-C` keeps its spelling."""
    bed.wire_codex(memory.port, start="CONTEXT-ALPHA")
    bed.trust_codex()
    path = os.path.join(bed.peer, ".codex", "hooks.json")
    os.rename(path, os.path.join(bed.root, "elsewhere.json"))
    os.symlink(os.path.join(bed.root, "elsewhere.json"), path)
    link = os.path.join(bed.root, "link")
    os.symlink(bed.peer, link)
    codex = bed.codex(harnesses)
    hooks = codex.hooks(bed.peer)
    assert {hook.key.rsplit(":", 3)[0] for hook in hooks} == {path}
    bed.trust_hooks(*hooks)
    with Model([]) as model:
        codex.session(link, model, extra={"PWD": link})
    assert "CONTEXT-ALPHA" in model.text()
    linked = codex.hooks(link)
    assert {hook.key.rsplit(":", 3)[0] for hook in linked} == {os.path.join(link, ".codex", "hooks.json")}
    assert {hook.trust for hook in linked} == {"untrusted"}
    with Model([]) as model:
        codex.session(bed.root, model, arguments=("-C", link))
    assert "CONTEXT-ALPHA" not in model.text()
