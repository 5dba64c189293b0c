"""Where a harness looks up trust and settings for a peer inside a repository: below its root, or in a work tree."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.support.harness.bed import SERVER, Bed
from tests.support.harness.claude import trust_folder
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness
URL = "http://127.0.0.1:8766/mcp"


def git(folder: str, *arguments: str) -> None:
    env = {"HOME": folder, "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, timeout=30)


def layout(bed: Bed, kind: str) -> tuple[str, str]:
    """The repository's root (or the plain parent) and a peer's folder: `below` it, a linked `worktree`, or `plain`."""
    root = os.path.join(bed.root, "team")
    os.makedirs(root)
    if kind != "plain":
        git(root, "init", "-q")
        git(root, "commit", "-q", "--allow-empty", "-m", "first")
    peer = os.path.join(bed.root, "tree") if kind == "worktree" else os.path.join(root, "peer")
    if kind == "worktree":
        git(root, "worktree", "add", "-q", peer)
    os.makedirs(peer, exist_ok=True)
    return root, peer


@pytest.mark.parametrize(
    ("kind", "by_root", "by_peer"), [("plain", False, True), ("below", True, False), ("worktree", True, False)]
)
def test_claude_asks_the_root_of_the_main_checkout_for_trust(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, kind: str, by_root: bool, by_peer: bool
) -> None:
    """Inside a repository the peer's own entry in `~/.claude.json` counts for nothing."""
    root, peer = layout(bed, kind)
    document = {"mcpServers": {SERVER: {"type": "http", "url": memory.url}}}
    bed.put_json(os.path.join(peer, ".mcp.json"), document)
    bed.put_json(os.path.join(peer, ".claude", "settings.json"), {"enableAllProjectMcpServers": True})
    claude = bed.claude(harnesses)
    connected = {}
    for folder in (root, peer):
        bed.put_json(os.path.join(bed.home, ".claude.json"), {})
        trust_folder(bed.home, folder)
        connected[folder] = claude.mcp_list(peer).status(SERVER) == "connected"
    assert connected == {root: by_root, peer: by_peer}


@pytest.mark.parametrize("kind", ["below", "worktree"])
def test_claudes_local_scope_is_one_for_the_whole_repository(harnesses: Harnesses, bed: Bed, kind: str) -> None:
    """Two peers of one repository share the entry, so it cannot carry a peer's own identity."""
    root, peer = layout(bed, kind)
    claude = bed.claude(harnesses)
    assert claude.call(["mcp", "add", "--scope", "local", "--transport", "http", SERVER, URL], peer).code == 0
    projects = json.loads(bed.read(os.path.join(bed.home, ".claude.json")))["projects"]
    assert list(projects) == [root]
    assert SERVER in projects[root]["mcpServers"]
    for folder in (root, peer):
        assert claude.mcp_get(folder, SERVER).fields["url"] == URL


def codex_folder(bed: Bed, folder: str, name: str) -> None:
    bed.put(os.path.join(folder, ".codex", "config.toml"), f'[mcp_servers.{name}]\nurl = "{URL}"\n')
    hooks = {"Stop": [{"hooks": [{"type": "command", "command": f"/srv/{name}.sh"}]}]}
    bed.put_json(os.path.join(folder, ".codex", "hooks.json"), {"hooks": hooks})


def seen(harnesses: Harnesses, bed: Bed, peer: str, trusted: str) -> tuple[set[str], set[str]]:
    """Names of the servers and of the hooks that Codex takes from project files, with this one folder trusted."""
    codex = bed.codex(harnesses)
    bed.put(codex.config, f'[projects.{json.dumps(trusted)}]\ntrust_level = "trusted"\n')
    servers = {str(one["name"]) for one in codex.mcp_list(peer).servers}
    return servers, {os.path.basename(hook.command).removesuffix(".sh") for hook in codex.hooks(peer)}


def test_codex_reads_from_the_root_of_the_repository_down(harnesses: Harnesses, bed: Bed) -> None:
    """Trust in the root arms the files of both; trust in the peer alone arms the peer's."""
    root, peer = layout(bed, "below")
    codex_folder(bed, root, "root")
    codex_folder(bed, peer, "peer")
    assert seen(harnesses, bed, peer, root) == ({"root", "peer"}, {"root", "peer"})
    assert seen(harnesses, bed, peer, peer) == ({"peer"}, {"peer"})


def test_codex_takes_no_trust_from_a_plain_parent(harnesses: Harnesses, bed: Bed) -> None:
    root, peer = layout(bed, "plain")
    codex_folder(bed, peer, "peer")
    assert seen(harnesses, bed, peer, root) == (set(), set())
    assert seen(harnesses, bed, peer, peer) == ({"peer"}, {"peer"})


def test_codex_takes_a_linked_work_trees_servers_but_the_main_checkouts_hooks(harnesses: Harnesses, bed: Bed) -> None:
    """So a hooks file in a linked work tree is dead, whatever is trusted."""
    root, peer = layout(bed, "worktree")
    codex_folder(bed, peer, "peer")
    assert seen(harnesses, bed, peer, peer) == ({"peer"}, set())
    assert seen(harnesses, bed, peer, root) == ({"peer"}, set())
    codex_folder(bed, root, "root")
    assert seen(harnesses, bed, peer, root) == ({"peer"}, {"root"})
