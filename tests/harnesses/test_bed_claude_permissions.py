"""What Claude Code's default modes let an agent do with the memory, and where the one yes must stand to count."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.claude import trust_folder
from tests.support.harness.model import Model, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness
SEARCH = "mcp__iapeer-memory__memory_search"


def try_both(harnesses: Harnesses, bed: Bed, *arguments: str) -> tuple[str, ...]:
    """A session that writes a note and searches; the names of the tools that were denied."""
    steps = [
        Use("Write", {"file_path": bed.note("plan.md"), "content": "first\n"}),
        Use(SEARCH, {"query": "plan"}),
    ]
    with Model(steps) as model:
        session = bed.claude(harnesses).session(bed.peer, model, arguments=arguments)
    assert len(model.results) == 2, str(session.done)
    assert [one.failed for one in model.results] == [name in session.denials for name in ("Write", SEARCH)]
    return session.denials


@pytest.mark.parametrize("mode", ["default", "acceptEdits"])
def test_without_the_yes_both_are_refused_and_with_it_neither(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, mode: str
) -> None:
    bed.wire_claude(memory.port)
    bed.approve_claude()
    assert try_both(harnesses, bed, "--permission-mode", mode) == ("Write", SEARCH)
    bed.allow_claude()
    assert try_both(harnesses, bed, "--permission-mode", mode) == ()


def test_the_yes_in_the_peers_settings_counts_only_in_a_trusted_folder(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    """The hooks and the server of the same folder do work in a headless session."""
    bed.wire_claude(memory.port, start="CONTEXT-ALPHA")
    bed.allow_claude()
    assert try_both(harnesses, bed) == ("Write", SEARCH)
    assert len(bed.fired("session-start")) == 1
    bed.approve_claude()
    assert try_both(harnesses, bed) == ()


def test_the_yes_in_the_users_settings_counts_everywhere(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    bed.wire_claude(memory.port)
    allow = ["mcp__iapeer-memory", f"Edit(/{bed.vault}/**)"]
    bed.put_json(os.path.join(bed.home, ".claude", "settings.json"), {"permissions": {"allow": allow}})
    assert try_both(harnesses, bed) == ()


@pytest.mark.parametrize(("tracked", "denied"), [(False, ()), (True, ("Write", SEARCH))], ids=["untracked", "tracked"])
def test_the_yes_in_the_local_settings_counts_untrusted_unless_git_tracks_them(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, tracked: bool, denied: tuple[str, ...]
) -> None:
    bed.wire_claude(memory.port)
    bed.allow_claude()
    folder = os.path.join(bed.peer, ".claude")
    os.rename(os.path.join(folder, "settings.json"), os.path.join(folder, "settings.local.json"))
    env = {"HOME": bed.home, "PATH": harnesses.path, "GIT_CONFIG_NOSYSTEM": "1"}
    commands = [["init", "-q"]] + ([["add", "-f", ".claude/settings.local.json"]] if tracked else [])
    for arguments in commands:
        subprocess.run(["git", *arguments], cwd=bed.peer, env=env, check=True, timeout=30)
    assert try_both(harnesses, bed) == denied


def test_the_yes_covers_reading_a_note_but_not_listing_the_vault_in_a_shell(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    """The shell's own readers ask for a working directory: `additionalDirectories` would be the way."""
    bed.wire_claude(memory.port)
    bed.approve_claude()
    bed.allow_claude()
    note = bed.note("plan.md")
    bed.put(note, "first\n")
    steps = [
        Use("Read", {"file_path": note}),
        Use("Bash", {"command": f"ls {bed.vault}", "description": "List"}),
        Use("Bash", {"command": f"echo more >> {note}", "description": "Add"}),
    ]
    with Model(steps) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert [one.failed for one in model.results] == [False, True, False], model.results
    path = os.path.join(bed.peer, ".claude", "settings.json")
    document = json.loads(bed.read(path))
    document["permissions"]["additionalDirectories"] = [bed.vault]
    bed.put_json(path, document)
    with Model(steps) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert [one.failed for one in model.results] == [False, False, False], model.results


@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_a_server_named_in_the_peers_settings_is_approved_only_in_a_trusted_folder(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, name: str
) -> None:
    """Unlike permissions: here the local file is no better than the shared one."""
    bed.wire_claude(memory.port)
    bed.put_json(os.path.join(bed.peer, ".claude", name), {"enabledMcpjsonServers": ["iapeer-memory"]})
    claude = bed.claude(harnesses)
    assert claude.mcp_list(bed.peer).status("iapeer-memory") == "pending"
    trust_folder(bed.home, bed.peer)
    assert claude.mcp_list(bed.peer).status("iapeer-memory") == "connected"


def test_the_vault_as_an_additional_folder_opens_reading_it_and_nothing_else(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    """In the local file, untrusted: a shell may read the vault, not change it, nor read beside it; and nothing of
    the vault's own is loaded: no instructions, skills, agents, permissions or hooks."""
    bed.wire_claude(memory.port)
    permissions = {"permissions": {"additionalDirectories": [bed.vault]}}
    bed.put_json(os.path.join(bed.peer, ".claude", "settings.local.json"), permissions)
    note = bed.note("plan.md")
    bed.put(note, "first\n")
    bed.put(os.path.join(bed.root, "beside", "x.md"), "x\n")
    bed.put(bed.note("CLAUDE.md"), "FROM-THE-VAULT\n")
    for name in ("skills/evil/SKILL.md", "agents/evil.md"):
        bed.put(bed.note(f".claude/{name}"), "---\nname: evil\ndescription: FROM-THE-VAULT\n---\n")
    said = {"hooks": [{"type": "command", "command": "echo FROM-THE-VAULT"}]}
    settings = {"permissions": {"allow": ["Bash(touch:*)"]}, "hooks": {"SessionStart": [said]}}
    bed.put_json(bed.note(".claude/settings.json"), settings)
    shell = [
        "ls " + bed.vault,
        "cat " + note,
        f"grep -r first {note}",
        f"ls {bed.root}/beside",
        f"touch {bed.vault}/t.md",
    ]
    steps = [Use("Bash", {"command": command, "description": "x"}) for command in shell]
    with Model([*steps, Use("Read", {"file_path": note})]) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert [one.failed for one in model.results] == [False, False, False, True, True, False], model.results
    assert "FROM-THE-VAULT" not in json.dumps([one.body for one in model.seen])
