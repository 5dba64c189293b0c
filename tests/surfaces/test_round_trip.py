"""Provision is exact and idempotent, and taking it back gives every byte as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from tests.support.surfaces import FOREIGN, Bench, actions, git, lay, snapshot

CLAUDE_MCP = {
    "mcpServers": {
        "iapeer-memory": {
            "type": "http",
            "url": "http://127.0.0.1:8766/mcp",
            "headers": {"X-IAPeer-Identity": "${PEER_IDENTITY:-claude-alpha}"},
        }
    }
}
CODEX_BLOCK = """[mcp_servers.iapeer-memory]
url = "http://127.0.0.1:8766/mcp"
default_tools_approval_mode = "approve"
bearer_token_env_var = "IAPEER_BEARER"

[mcp_servers.iapeer-memory.env_http_headers]
"X-IAPeer-Identity" = "PEER_IDENTITY"
"""
EMPTY = {".mcp.json": "{}", ".codex/config.toml": "", ".claude/settings.json": "{}\n"}


def test_what_a_fresh_peer_gets_with_the_core(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, with_core=True)
    peer = bench.peer()
    assert actions(bench.provision(peer, "claude")) == {"hooks": "written", "mcp": "written", "skills": "written"}
    assert actions(bench.provision(peer, "codex")) == {"mcp": "written", "hooks": "written", "trust": "written"}
    cwd = Path(peer.cwd)
    shim = f"{bench.want.hooks_dir}/iapeer-memory."
    written = {"hooks": [{"type": "command", "command": f"{shim}post-write.sh"}]}
    started = {"hooks": [{"type": "command", "command": f"{shim}session-start.sh"}]}
    assert json.loads((cwd / ".mcp.json").read_text()) == CLAUDE_MCP
    assert json.loads((cwd / ".claude/settings.json").read_text()) == {
        "hooks": {"PostToolUse": [{"matcher": "Write|Edit|MultiEdit|Bash", **written}], "SessionStart": [started]}
    }
    assert json.loads((cwd / ".codex/hooks.json").read_text()) == {
        "hooks": {"PostToolUse": [written], "SessionStart": [started]}
    }
    assert (cwd / ".codex/config.toml").read_text() == CODEX_BLOCK
    assert sorted(p.parent.name for p in cwd.glob(".claude/skills/*/SKILL.md")) == [
        "iapeer-memory-distill", "iapeer-memory-init", "iapeer-memory-migrate", "iapeer-memory-status",
    ]  # fmt: skip
    assert bench.core_calls == [f"{peer.cwd}/.codex/hooks.json"]


def test_without_the_core_codex_gets_a_literal_identity_and_no_bearer_variable(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    bench.provision(peer, "codex")
    text = Path(peer.cwd, ".codex/config.toml").read_text()
    assert '"X-IAPeer-Identity" = "codex-alpha"' in text and "bearer" not in text


@pytest.mark.parametrize("with_core", [True, False])
@pytest.mark.parametrize("allow", [True, False])
@pytest.mark.parametrize("repository", [True, False])
@pytest.mark.parametrize("before", [{}, FOREIGN, EMPTY], ids=["nothing", "foreign", "empty"])
def test_round_trip(
    tmp_path: Path, door: Door, before: dict[str, str], repository: bool, allow: bool, with_core: bool
) -> None:
    bench = Bench.make(tmp_path, door, with_core=with_core, allow=allow, grant_trust=True)
    peer = bench.peer()
    if repository:
        git(Path(peer.cwd), "init", "-q", ".")
    lay(peer.cwd, before)
    lay(str(bench.home), {".codex/config.toml": 'model = "m" # mine\n'})
    status = git(Path(peer.cwd), "status", "--porcelain", "-uall") if repository else ""
    was, home_was = snapshot(Path(peer.cwd)), snapshot(bench.home)
    for harness in ("claude", "codex"):
        first = bench.provision(peer, harness)
        assert first.ok and first.changed, first
        assert not bench.drift(peer, harness) or with_core  # a core of paper trusts nothing
    full = snapshot(Path(peer.cwd))
    ledger = (tmp_path / "ledger.json").read_bytes()
    for harness in ("claude", "codex"):
        again = {a for s, a in actions(bench.provision(peer, harness)).items() if not (with_core and s == "trust")}
        assert again <= {"already", "skipped"}
    assert snapshot(Path(peer.cwd)) == full and (tmp_path / "ledger.json").read_bytes() == ledger
    if repository and not with_core:
        assert git(Path(peer.cwd), "status", "--porcelain", "-uall") == status
    for harness in ("claude", "codex"):
        assert bench.unprovision(peer, harness).ok
    assert snapshot(Path(peer.cwd)) == was
    assert snapshot(bench.home) == home_was
    for harness in ("claude", "codex"):
        assert set(actions(bench.unprovision(peer, harness)).values()) <= {"absent"}
    left = json.loads((tmp_path / "ledger.json").read_bytes())
    assert not any(left[key] for key in ("files", "folders", "excludes", "placed", "removed_by_hand", "shares"))


def test_a_moved_port_is_drift_and_still_comes_out_to_the_byte(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    lay(peer.cwd, FOREIGN)
    was = snapshot(Path(peer.cwd))
    for harness in ("claude", "codex"):
        bench.provision(peer, harness)
    bench.want = replace(bench.want, port=9000, hooks_dir="/elsewhere/with space")
    for harness in ("claude", "codex"):
        assert [p.split(":")[0] for p in bench.drift(peer, harness)] in (["hooks", "mcp"], ["mcp", "hooks"])
        assert bench.provision(peer, harness).ok
        assert not bench.drift(peer, harness)
    assert "'/elsewhere/with space/iapeer-memory.post-write.sh'" in Path(peer.cwd, ".claude/settings.json").read_text()
    for harness in ("claude", "codex"):
        bench.unprovision(peer, harness)
    assert snapshot(Path(peer.cwd)) == was


def test_foreign_additions_after_us_survive_removal(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, allow=True)
    peer = bench.peer()
    for harness in ("claude", "codex"):
        bench.provision(peer, harness)
    settings = Path(peer.cwd, ".claude/settings.json")
    doc = json.loads(settings.read_text())
    doc["hooks"]["PostToolUse"].append({"hooks": [{"type": "command", "command": "lint"}]})
    doc["hooks"]["PostToolUse"][0]["hooks"].append({"type": "command", "command": "guest"})
    settings.write_text(json.dumps(doc))
    local = Path(peer.cwd, ".claude/settings.local.json")
    doc = json.loads(local.read_text())
    doc["permissions"]["allow"].append("Bash(ls)")
    doc["permissions"]["additionalDirectories"].append("/srv")
    local.write_text(json.dumps(doc))
    servers = Path(peer.cwd, ".mcp.json")
    servers.write_text(servers.read_text().replace('"mcpServers": {', '"mcpServers": {"x": {"command": "y"},'))
    toml = Path(peer.cwd, ".codex/config.toml")
    toml.write_text("a = 1\n" + toml.read_text() + "[z]\nb = 2\n")
    for harness in ("claude", "codex"):
        assert bench.unprovision(peer, harness).ok
    assert json.loads(settings.read_text()) == {
        "hooks": {
            "PostToolUse": [
                {"matcher": "Write|Edit|MultiEdit|Bash", "hooks": [{"type": "command", "command": "guest"}]},
                {"hooks": [{"type": "command", "command": "lint"}]},
            ]
        }
    }
    assert json.loads(local.read_text()) == {"permissions": {"allow": ["Bash(ls)"], "additionalDirectories": ["/srv"]}}
    assert json.loads(servers.read_text()) == {"mcpServers": {"x": {"command": "y"}}}
    assert toml.read_text().split() == ["a", "=", "1", "[z]", "b", "=", "2"]
