"""The laid-out reference host holds together: our readers and the stand-in core see what the format promises."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from iapeer_memory.ecosystem.doctrine import doctrine_version, ownership
from iapeer_memory.ecosystem.notifier import legacy_registered, read_triggers, watcher_problem
from iapeer_memory.ecosystem.slot import verdict, want_slot
from iapeer_memory.fleet.map import FleetMap, load
from tests.support.reference_host import FOREIGN_HOOK, FOREIGN_SERVER, FOREIGN_TOML, ReferenceHost, reference_host
from tests.support.standin_core.make import make_core


@pytest.fixture(params=[False, True], ids=["v1.2", "v1.1"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> ReferenceHost:
    return reference_host(make_core(tmp_path), legacy=request.param)


def legacy(host: ReferenceHost) -> bool:
    return host.version.startswith("0.2.")


def test_the_slot_is_ours_and_old(host: ReferenceHost) -> None:
    want = want_slot("0.5.0", host.paths.stable_binary, host.paths.heartbeat, "now")
    found = verdict(Path(host.paths.slot).read_bytes(), want, host.paths.slot)
    assert found.state == ("ours-v11" if legacy(host) else "ours-drifted")
    assert f"memory: iapeer-memory {host.version} (daemon not running" in host.core.ok("status")


def test_the_map_names_the_cores_peers(host: ReferenceHost) -> None:
    known = load(Path(host.paths.fleet_map).read_bytes())
    assert isinstance(known, FleetMap)
    listed = json.loads(host.core.ok("list", "--json"))
    assert [(p.personality, p.cwd) for p in known.peers] == [(row["personality"], row["cwd"]) for row in listed]
    assert bool(known.peers[0].runtimes) is not legacy(host)
    assert set(host.peers) == {row["personality"] for row in listed}


def test_roles_and_triggers(host: ReferenceHost) -> None:
    for role in json.loads(Path(host.paths.roles).read_text())["roles"]:
        text = (Path(role["peerCwd"]) / ".iapeer/IAPEER.md").read_text()
        assert (ownership(text), doctrine_version(text)) == ("ours", host.version)
        assert host.core.profile(role["role"])["wake_policy"] == "ephemeral"
    triggers = read_triggers((host.peers["index"] / ".iapeer/peer-profile.json").read_bytes())
    assert watcher_problem(triggers, host.paths.launcher, None) is None
    assert legacy_registered(triggers) is legacy(host)


def test_surfaces_are_there_or_not(host: ReferenceHost) -> None:
    alpha = host.peers["alpha"]
    settings = json.loads((alpha / ".claude/settings.json").read_text())
    servers = json.loads((alpha / ".mcp.json").read_text())["mcpServers"]
    config = (alpha / ".codex/config.toml").read_text()
    assert config.startswith(FOREIGN_TOML)
    assert servers["other"] == FOREIGN_SERVER
    assert settings["hooks"]["PostToolUse"][0] == FOREIGN_HOOK
    assert settings["autoMemoryEnabled"] is False
    assert tomllib.loads(config)["features"] == {"memories": False}
    present = not legacy(host)
    assert ("iapeer-memory" in servers) is present
    assert (len(settings["hooks"]["PostToolUse"]) == 2) is present
    assert ("iapeer-memory" in tomllib.loads(config)["mcp_servers"]) is present
    assert Path(host.paths.post_write_shim).exists() is present
    assert (alpha / ".codex/hooks.json").exists() is present
    assert ("enabledPlugins" in settings) is not present
    if present:
        hooks = alpha / ".codex/hooks.json"
        assert host.core.run("trust-hooks", str(hooks), "--check").returncode == 0
        text = host.core.ok("prompt", "alpha")
        assert "# guide" in text
        assert "<iapeer-memory-paths>" in text
