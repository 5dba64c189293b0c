"""How Claude Code judges the files of a peer: its own lists, its doctor, and what one broken byte does to a session."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from tests.support.harness.bed import SERVER, Bed, claude_server
from tests.support.harness.model import Model, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness


def test_our_entry_connects_once_the_folder_is_approved(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    bed.wire_claude(memory.port)
    claude = bed.claude(harnesses)
    assert claude.mcp_list(bed.peer).status(SERVER) == "pending"
    assert memory.calls == []
    bed.approve_claude()
    assert claude.mcp_list(bed.peer).status(SERVER) == "connected"
    assert [one.method for one in memory.calls if one.verb == "POST"] == [
        "server/discover", "initialize", "notifications/initialized", "tools/list",
    ]  # fmt: skip
    fields = claude.mcp_get(bed.peer, SERVER).fields
    assert fields["scope"].startswith("Project config")
    assert fields["url"] == memory.url
    memory.stop()
    assert claude.mcp_list(bed.peer).status(SERVER) == "failed"


def test_the_identity_header_takes_the_sessions_identity_or_the_peers_own(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    bed.wire_claude(memory.port, identity="claude-alpha")
    bed.approve_claude()
    claude = bed.claude(harnesses)
    claude.call(["mcp", "list"], bed.peer)
    claude.call(["mcp", "list"], bed.peer, extra={"PEER_IDENTITY": "claude-zeta"})
    asked = [one.headers["x-iapeer-identity"] for one in memory.called("initialize")]
    assert asked == ["claude-alpha", "claude-zeta"]


def test_local_scope_writes_our_server_into_the_users_own_file(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    """No trust and no approval is asked for it, and a folder below the peer does not see it."""
    claude = bed.claude(harnesses)
    header = "X-IAPeer-Identity: ${PEER_IDENTITY:-claude-alpha}"
    add = ["mcp", "add", "--scope", "local", "--transport", "http", SERVER, memory.url, "--header", header]
    assert claude.call(add, bed.peer).code == 0
    projects = json.loads(bed.read(os.path.join(bed.home, ".claude.json")))["projects"]
    assert projects[bed.peer]["mcpServers"] == {SERVER: claude_server(memory.port, "claude-alpha")}
    assert claude.mcp_list(bed.peer).status(SERVER) == "connected"
    assert memory.called("initialize")[0].headers["x-iapeer-identity"] == "claude-alpha"
    below = os.path.join(bed.peer, "below")
    os.makedirs(below)
    assert claude.mcp_list(below).status(SERVER) is None
    assert claude.call(["mcp", "remove", SERVER, "-s", "local"], bed.peer).code == 0
    projects = json.loads(bed.read(os.path.join(bed.home, ".claude.json")))["projects"]
    assert projects[bed.peer]["mcpServers"] == {}


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        pytest.param(lambda text: text.rstrip()[:-1] + ",}", None, "not a valid JSON", id="trailing comma"),
        pytest.param(lambda text: text.replace('"url"', '"urx"'), None, "url: expected string", id="no url"),
        pytest.param(
            lambda text: text.replace(f'"{SERVER}": {{', f'"other": {{"command": 5}}, "{SERVER}": {{'),
            "connected", '[other] mcpServers.other: Skipped', id="a foreign broken server",
        ),
        pytest.param(
            lambda text: text.replace('"headers": {', '"headers": {"X-A": "${NOT_SET}",'),
            "connected", "Missing environment variables: NOT_SET", id="a variable that is not set",
        ),
        pytest.param(lambda text: "\ufeff" + text, "connected", "", id="byte order mark"),
    ],
)  # fmt: skip
def test_what_mcp_list_says_about_a_damaged_file(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, change: Callable[[str], str], status: str | None, said: str
) -> None:
    bed.wire_claude(memory.port)
    bed.approve_claude()
    path = os.path.join(bed.peer, ".mcp.json")
    bed.put(path, change(bed.read(path)))
    listed = bed.claude(harnesses).mcp_list(bed.peer)
    assert listed.status(SERVER) == status, str(listed.done)
    assert said in listed.done.out
    assert listed.done.code == 0


BESIDE = '"PostToolUse": ['
DAMAGE = [
    pytest.param(lambda text: text.rstrip()[:-1] + ",}", False, "Invalid or malformed JSON", id="trailing comma"),
    pytest.param(lambda text: "// mine\n" + text, False, "Invalid or malformed JSON", id="comment"),
    pytest.param(lambda text: "\ufeff" + text, True, None, id="byte order mark"),
    pytest.param(
        lambda text: text.replace(BESIDE, BESIDE + '{"hooks": [{"type": "weird", "command": "/x"}]},'),
        True, 'Unknown hook type "weird"', id="a foreign hook of an unknown type",
    ),
    pytest.param(
        lambda text: text.replace(BESIDE, BESIDE + '{"matcher": 3, "hooks": [{"type": "command", "command": "/x"}]},'),
        True, "Invalid hook matcher", id="a foreign matcher that is a number",
    ),
    pytest.param(
        lambda text: text.replace('"hooks": {', '"hooks": {"Stop": {},', 1),
        True, 'Hook event "Stop" must be an array', id="an event that is not a list",
    ),
    pytest.param(
        lambda text: text.replace('"hooks": {', '"hooks": {"Nope": [],', 1),
        True, 'Unknown hook event "Nope"', id="an unknown event",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "alive", "said"), DAMAGE)
def test_what_a_damaged_settings_file_does_to_our_hooks(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, change: Callable[[str], str], alive: bool, said: str | None
) -> None:
    """Broken JSON kills every hook of the file without a word in the session; a bad entry only kills itself."""
    bed.wire_claude(memory.port, start="CONTEXT-ALPHA")
    bed.approve_claude()
    path = os.path.join(bed.peer, ".claude", "settings.json")
    bed.put(path, change(bed.read(path)))
    claude = bed.claude(harnesses)
    with Model([]) as model:
        claude.session(bed.peer, model)
    assert ("CONTEXT-ALPHA" in model.text()) is alive
    doctor = claude.doctor(bed.peer)
    assert doctor.code == 0
    if said is None:
        assert "Invalid settings" not in doctor.out
    else:
        assert path in doctor.out
        assert said in doctor.out


def test_our_own_files_leave_the_doctor_without_a_word(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    bed.wire_claude(memory.port)
    bed.approve_claude()
    bed.allow_claude()
    assert "Invalid settings" not in bed.claude(harnesses).doctor(bed.peer).out


@pytest.mark.parametrize("local", [False, True], ids=["linked", "settings.local.json"])
def test_settings_are_read_through_a_link_and_from_the_local_file(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, local: bool
) -> None:
    bed.wire_claude(memory.port, start="CONTEXT-ALPHA")
    bed.approve_claude()
    bed.allow_claude()
    settings = os.path.join(bed.peer, ".claude", "settings.json")
    if local:
        os.rename(settings, os.path.join(bed.peer, ".claude", "settings.local.json"))
    else:
        os.rename(settings, os.path.join(bed.root, "elsewhere.json"))
        os.symlink(os.path.join(bed.root, "elsewhere.json"), settings)
    steps = [Use("Write", {"file_path": bed.note("plan.md"), "content": "first\n"})]
    with Model(steps) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert "CONTEXT-ALPHA" in model.text("system")
    assert [one.payload["tool_name"] for one in bed.fired("post-write")] == ["Write"]
