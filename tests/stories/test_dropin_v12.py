"""A host that the reference provider laid out (slot v1.2), taken over by one `update`."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory import __version__
from tests.support.core_bed import CoreBed, changed_paths, reference_bed_in, snapshot
from tests.support.reference_host import FOREIGN_HOOK, FOREIGN_SERVER, FOREIGN_TOML, SKILLS, ReferenceHost

Taken = tuple[CoreBed, ReferenceHost]


@pytest.fixture
def taken(tmp_path: Path, runtime: Path) -> Iterator[Taken]:
    with reference_bed_in(tmp_path, runtime) as made:
        yield made


def relative(paths: set[str], host: CoreBed) -> set[str]:
    return {path.removeprefix(f"{host.home}/") for path in paths}


def test_update_takes_the_host_over_and_changes_only_what_is_ours(taken: Taken) -> None:
    host, was = taken
    alpha = was.peers["alpha"]
    folders = tuple(was.peers.values())
    before = snapshot(*folders, was.vault)
    config = Path(was.paths.config_file).read_bytes()
    found = host.findings()
    assert found["memory-slot"]["detail"].startswith(f"declares v{was.version}, package is v{__version__}")
    assert {name for name, row in found.items() if row["status"] == "fail"} >= {"memory-slot", "doctrine[index]"}

    ran = host.ok("update")
    assert ran.out.startswith(f"iapeer-memory update → v{__version__}\n") and ran.out.endswith("update complete\n")
    assert not host.failing()

    # the slot and everything of ours that has a version
    slot = json.loads(host.slot.read_text())
    assert (slot["version"], slot["package"]) == (__version__, "pypi:iapeer-memory")
    assert slot["provision"]["command"] == was.paths.stable_binary
    for role in ("index", "scriber", "dreamweaver"):
        text = (was.peers[role] / ".iapeer/IAPEER.md").read_text()
        assert f"<!-- iapeer-memory doctrine v{__version__} -->" in text and str(was.vault) in text
    for program in (was.paths.post_write_shim, was.paths.session_start_shim, was.paths.launcher, was.paths.dream_gate):
        assert Path(program).stat().st_mode & 0o777 == 0o755
        assert "command -v iapeer-memory" not in Path(program).read_text(), "a literal path, not the caller's PATH"
    assert str(was.vault) in Path(was.paths.guide).read_text() and Path(was.paths.guide).read_text()[:7] != "# guide"
    assert Path(was.paths.config_file).read_bytes() == config, "the user's settings, byte for byte"

    # in the peers' folders: skills, doctrines and fragments are ours; hooks and servers were right already
    touched = relative(changed_paths(before, snapshot(*folders, was.vault)), host)
    allowed = (
        ".claude/skills/iapeer-memory-", ".iapeer/IAPEER.md", ".iapeer/fragments/iapeer-memory.md",
        "peers/index/.iapeer/peer-profile.json",  # the notifier's own write, when the trigger is sent again
    )  # fmt: skip
    assert {path for path in touched if not any(part in path for part in allowed)} == set()
    for skill in SKILLS:
        assert (alpha / f".claude/skills/iapeer-memory-{skill}/SKILL.md").exists()

    # theirs is there, and first
    assert (alpha / ".claude/skills/mine/SKILL.md").read_text() == "---\nname: mine\n---\n"
    hooks = json.loads((alpha / ".claude/settings.json").read_text())["hooks"]["PostToolUse"]
    assert hooks[0] == FOREIGN_HOOK and len(hooks) == 2
    assert (alpha / ".codex/config.toml").read_text().startswith(FOREIGN_TOML)
    servers = json.loads((alpha / ".mcp.json").read_text())["mcpServers"]
    assert list(servers) == ["other", "iapeer-memory"] and servers["other"] == FOREIGN_SERVER

    # the triggers were sent again; somebody else's stays
    triggers = host.triggers()
    assert triggers["somebody-elses"]["message"] == "theirs"
    assert triggers["iapeer-memory-memoryd"]["script"] == was.paths.launcher
    assert {message["from"] for message in host.core.book("outbox")} == {"claude-index"}

    again = host.steps("update")
    assert again.pop("exit") == {"code": 0}
    assert [name for name, row in again.items() if row["changed"] and name != "binary"] == []


def test_drifted_surfaces_of_the_reference_become_ours_beside_foreign_ones(taken: Taken) -> None:
    host, was = taken
    alpha = was.peers["alpha"]
    servers = alpha / ".mcp.json"
    document = json.loads(servers.read_text())
    document["mcpServers"]["iapeer-memory"]["headers"] = {"X-IAPeer-Identity": "claude-alpha"}
    document["theirs"] = {"b": 1, "a": 2}
    servers.write_text(json.dumps(document, indent=4))
    toml = alpha / ".codex/config.toml"
    toml.write_text(toml.read_text().replace('"approve"', '"prompt"') + "\n[profiles.mine] # kept\nmodel = 'x'\n")
    host.ok("update")
    text = servers.read_text()
    after = json.loads(text)
    assert list(after) == list(document) and after["theirs"] == {"b": 1, "a": 2}
    assert after["mcpServers"]["iapeer-memory"]["headers"] == {"X-IAPeer-Identity": "${PEER_IDENTITY:-claude-alpha}"}
    assert text.startswith('{\n    "mcpServers": {\n        "other": {\n') and not text.endswith("\n")
    config = toml.read_text()
    assert config.startswith(FOREIGN_TOML) and "[profiles.mine] # kept\nmodel = 'x'\n" in config
    assert tomllib.loads(config)["mcp_servers"]["iapeer-memory"]["default_tools_approval_mode"] == "approve"
    assert tomllib.loads(config)["features"] == {"memories": False}
    assert not host.failing()


def test_a_timer_of_old_releases_is_dropped(taken: Taken) -> None:
    host, was = taken
    profile = was.peers["index"] / ".iapeer/peer-profile.json"
    document = json.loads(profile.read_text())
    document["notifier"]["triggers"].append(
        {"role": "time", "id": "iapeer-memory-inbox-sweep", "owner": "index", "target": "index", "when": "@every 1h",
         "message": "INBOX_SWEEP: go"}
    )  # fmt: skip
    profile.write_text(json.dumps(document))
    host.ok("update")
    assert sorted(host.triggers()) == ["iapeer-memory-memoryd", "somebody-elses"]


def test_the_guide_is_written_only_where_it_was_rolled_out(taken: Taken) -> None:
    host, was = taken
    Path(was.paths.guide).unlink()
    steps = host.steps("update")
    assert steps["guide"]["detail"].startswith("not rolled out")
    assert not Path(was.paths.guide).exists()
    assert host.findings()["guide"]["status"] == "skip"


def test_the_old_command_and_earlier_versions_are_kept(taken: Taken) -> None:
    host, was = taken
    old = Path(was.paths.stable_binary).read_bytes()
    skill = was.peers["beta"] / ".claude/skills/iapeer-memory-status/SKILL.md"
    host.ok("update")
    kept = host.bed.ok("backup", "list", "--json").json()["backups"]
    assert was.paths.stable_binary in {row["path"] for row in kept}
    (row,) = [row for row in kept if row["path"] == was.paths.stable_binary]
    new = Path(was.paths.stable_binary).read_bytes()
    host.bed.ok("backup", "restore", row["id"])
    assert Path(was.paths.stable_binary).read_bytes() == old != new
    assert host.failing().keys() >= {"binary"}
    host.ok("verify", "--repair")
    assert Path(was.paths.stable_binary).read_bytes() == new and skill.exists()


KEPT = ("/standin/", "/backups/", "/history/", "config.env", "iapeer-memory-vault/")


def test_uninstall_leaves_what_is_not_ours(taken: Taken) -> None:
    host, was = taken
    alpha = was.peers["alpha"]
    notes = snapshot(was.vault)
    config = Path(was.paths.config_file).read_bytes()
    host.ok("update")
    host.ok("uninstall")
    settings = json.loads((alpha / ".claude/settings.json").read_text())
    assert settings == {"model": "opus", "hooks": {"PostToolUse": [FOREIGN_HOOK]}, "autoMemoryEnabled": False}
    assert json.loads((alpha / ".mcp.json").read_text()) == {"mcpServers": {"other": FOREIGN_SERVER}}
    toml = (alpha / ".codex/config.toml").read_text()
    assert toml.startswith(FOREIGN_TOML) and "iapeer-memory" not in toml
    assert [p.parent.name for p in (alpha / ".claude/skills").rglob("SKILL.md")] == ["mine"]
    assert not (alpha / ".codex/hooks.json").exists()
    assert not host.slot.exists() and list(host.triggers()) == ["somebody-elses"]
    assert not (was.peers["index"] / ".iapeer/IAPEER.md").exists()
    assert {p: w for p, w in snapshot(was.vault).items() if p in notes} == notes
    assert Path(was.paths.config_file).read_bytes() == config
    ours = [
        path
        for path in snapshot(host.home, fragments=True)
        if "iapeer-memory" in path
        and not any(
            part in path for part in ("/standin/", "/backups/", "/history/", "config.env", "iapeer-memory-vault/")
        )
    ]
    assert ours == []
    host.ok("uninstall")


def test_the_reference_daemon_that_still_runs_is_replaced_by_proof(taken: Taken) -> None:
    host, was = taken
    words = [sys.executable, "-I", "-c", "import time; time.sleep(300)", "memoryd", str(host.home)]
    with subprocess.Popen(words) as old:
        try:
            Path(was.paths.pid_file).write_text(f"{old.pid}\n")
            steps = host.steps("update")
            assert steps.pop("exit") == {"code": 0}, steps["memoryd"]
            assert old.wait(10) == -15, "SIGTERM, once it was proved to be a memoryd of this host"
            assert old.pid not in host.bed.daemons() and len(host.bed.daemons()) == 1
        finally:
            old.kill()
