"""A fresh host with the core: init makes everything once, a second one changes nothing, and how it can degrade."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.core_bed import NOISE, ROLES, CoreBed, changed_paths, core_bed_in, notifier, snapshot


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(tmp_path, runtime) as made:
        yield made


STEPS = (
    "deps", "vault", "config", "binary", "templates", "roles", "wake_policy", "fleet", "surfaces", "slot", "launcher",
    "watcher", "dream", "sweep", "guide", "memoryd",
)  # fmt: skip


def test_init_makes_everything_and_a_second_one_changes_nothing(host: CoreBed) -> None:
    steps = host.steps("init", "--non-interactive")
    assert steps.pop("exit") == {"code": 0}
    assert tuple(steps) == STEPS and all(row["ok"] for row in steps.values()), steps

    # the curators: created by the core, described, with our doctrine, woken fresh, in the manifest
    rows = {row["personality"]: row for row in host.core.registry()}
    manifest = json.loads((host.state / "roles.json").read_text())["roles"]
    assert [row["role"] for row in manifest] == list(ROLES)
    for row in manifest:
        name = row["role"]
        assert rows[name]["description"] and rows[name]["cwd"] == row["peerCwd"]
        assert row["template"] == str(host.bed.config_dir / f"templates/en/{name}.md")
        doctrine = (Path(row["peerCwd"]) / ".iapeer/IAPEER.md").read_text()
        assert doctrine.startswith("<!-- iapeer-memory doctrine v") and str(host.bed.vault) in doctrine
        assert "{{" not in doctrine
        assert host.core.profile(name)["wake_policy"] == "ephemeral"

    # the map names everybody, the surfaces stand with every agent
    assert host.map_names() == sorted(rows)
    for name in ("alpha", *ROLES):
        cwd = host.peer(name)
        servers = json.loads((cwd / ".mcp.json").read_text())["mcpServers"]
        assert set(servers) == {"iapeer", "iapeer-memory"}
        assert servers["iapeer-memory"]["url"] == f"http://127.0.0.1:{host.bed.port}/mcp"
        assert servers["iapeer-memory"]["headers"] == {"X-IAPeer-Identity": f"${{PEER_IDENTITY:-claude-{name}}}"}
        assert (cwd / ".claude/skills/iapeer-memory-status/SKILL.md").exists()
        assert "[mcp_servers.iapeer-memory]" in (cwd / ".codex/config.toml").read_text()
        assert host.core.run("trust-hooks", str(cwd / ".codex/hooks.json"), "--check").returncode == 0
        settings = json.loads((cwd / ".claude/settings.json").read_text())
        assert settings["autoMemoryEnabled"] is False and set(settings["hooks"]) == {"PostToolUse", "SessionStart"}

    # the slot, as the contract writes it
    slot = json.loads(host.slot.read_text())
    command = str(host.home / ".local/bin/iapeer-memory")
    assert list(slot) == ["provider", "package", "version", "registeredAt", "heartbeat", "provision", "unprovision"]
    assert (slot["provider"], slot["package"]) == ("iapeer-memory", "pypi:iapeer-memory")
    assert slot["heartbeat"] == str(host.state / "memoryd.heartbeat")
    assert slot["provision"] == {
        "command": command,
        "args": ["provision-peer", "--cwd", "{cwd}", "--runtime", "{runtime}", "--personality", "{personality}",
                 "--occasion", "{occasion}"],
    }  # fmt: skip
    assert slot["unprovision"]["args"][0] == "unprovision-peer" and slot["unprovision"]["command"] == command
    assert "memory: iapeer-memory" in host.core.ok("status")
    assert "# " in host.core.ok("prompt", "alpha") and str(host.bed.vault) in host.core.ok("prompt", "alpha")

    chosen = json.loads((host.state / "host.json").read_text())
    assert chosen["core"] == str(host.core.binary)
    assert not host.failing()

    watched = (host.core.root, host.bed.vault, host.core.codex_home, host.home / ".local")
    before = snapshot(*watched)
    (daemon,) = host.bed.daemons()
    again = host.steps("init", "--non-interactive")
    assert again.pop("exit") == {"code": 0}
    assert {name: row["changed"] for name, row in again.items() if name != "binary"} == dict.fromkeys(
        (name for name in STEPS if name != "binary"), False
    )
    left = {p for p in changed_paths(before, snapshot(*watched)) if not any(n in p for n in NOISE)}
    assert left == set()
    assert host.bed.daemons() == [daemon]
    assert [c for c in host.core.calls("create") if "index" in c] == [
        c for c in host.core.calls("create") if "index" in c
    ][:1]


def test_curated_mode_registers_watcher_and_dream_with_the_index_peer(host: CoreBed) -> None:
    config = host.bed.config_dir / "config.env"
    config.write_text(
        config.read_text().replace("MODE=lean", "MODE=curated").replace("SUPERVISOR=broker", "SUPERVISOR=")
    )
    host.bed.env.pop("IAPEER_MEMORY_SUPERVISOR")
    launcher = str(host.bed.config_dir / "memoryd-launcher.sh")
    with notifier(host):
        steps = host.steps("init", "--non-interactive")
        assert steps.pop("exit") == {"code": 0} and steps["watcher"]["changed"] and steps["dream"]["changed"], steps
        assert json.loads((host.state / "host.json").read_text())["supervisor"] == "notifier"
        assert not host.failing() and len(host.bed.daemons()) == 1
    triggers = host.triggers()
    assert triggers["iapeer-memory-memoryd"] == {
        "role": "event", "id": "iapeer-memory-memoryd", "owner": "index", "target": "scriber", "script": launcher,
    }  # fmt: skip
    dream = triggers["iapeer-memory-dream-tick"]
    assert (dream["target"], dream["when"], dream["check"]) == (
        "dreamweaver", "0 4 * * 1", str(host.bed.config_dir / "dream-tick-gate.sh"),
    )  # fmt: skip
    assert dream["message"].startswith("DREAM_TICK:")
    senders = {message["from"] for message in host.core.book("outbox")}
    assert senders == {"claude-index"}


def test_without_the_ecosystem_only_the_base_is_made(host: CoreBed) -> None:
    steps = host.steps("init", "--non-interactive", "--skip-ecosystem")
    assert steps.pop("exit") == {"code": 0}
    skipped = {name for name, row in steps.items() if row["detail"].startswith("skipped")}
    assert {"roles", "fleet", "watcher", "surfaces", "sweep"} <= skipped
    assert json.loads(host.slot.read_text())["provider"] == "iapeer-memory"
    assert not (host.peer("alpha") / ".codex/hooks.json").exists()
    assert not (host.state / "roles.json").exists()
    assert {call[0] for call in host.core.calls()} <= {"version", "list"}


def test_the_core_is_named_with_an_equals_sign_or_by_its_bare_name(host: CoreBed) -> None:
    ran = host.bed.ok("init", "--non-interactive", f"--iapeer-bin={host.core.binary}")
    assert "ok    roles       index, scriber, dreamweaver in place" in ran.out
    assert json.loads((host.state / "host.json").read_text())["core"] == str(host.core.binary)
    path = f"{host.core.binary.parent}:/usr/bin:/bin"
    ran = host.bed.ok("update", "--iapeer-bin", "iapeer", env={"PATH": path})
    assert "unchanged" in ran.out
    assert json.loads((host.state / "host.json").read_text())["core"] == str(host.core.binary)
    missing = host.bed.run("update", "--iapeer-bin", "/nowhere/iapeer")
    assert missing.code == 2 and missing.err.count("\n") == 1 and "/nowhere/iapeer" in missing.err


def test_without_an_agent_runtime_the_base_is_made_and_a_later_init_completes_it(host: CoreBed) -> None:
    host.core.turn(installed=[])
    steps = host.steps("init", "--non-interactive")
    assert steps.pop("exit") == {"code": 0}
    for name in ("roles", "watcher", "dream"):
        assert steps[name]["ok"] and ("skipped" in steps[name]["detail"] or "not registered" in steps[name]["detail"])
    assert not (host.state / "roles.json").exists()
    assert host.core.ok("status").count("memory: iapeer-memory") == 1
    found = host.findings()
    assert found["role-doctrines"]["status"] == found["notifier-watcher"]["status"] == "skip"
    assert not [row for row in found.values() if row["status"] == "fail"]
    host.core.turn(installed=None)
    host.init()
    assert (host.state / "roles.json").exists() and not host.failing()


def test_a_runtime_that_fails_is_told_for_each_role(host: CoreBed) -> None:
    host.core.turn(exit={"create": [1, "iapeer create: no such runtime\n"]})
    steps = host.steps("init", "--non-interactive", "--runtime", "claude")
    assert steps["exit"] == {"code": 1} and not steps["roles"]["ok"]
    assert sum("no such runtime" in line for line in steps["roles"]["sublines"]) == 3
    assert steps["slot"]["ok"]


FOREIGN = '{"provider": "acme-memory", "package": "@acme/memory", "version": "1.0.0"}\n'


def test_a_foreign_slot_is_named_and_nothing_is_laid_over_it(host: CoreBed) -> None:
    host.slot.write_text(FOREIGN)
    before = snapshot(host.peer("alpha"))
    ran = host.run("init", "--non-interactive")
    assert ran.code == 1
    assert "FAIL  slot        the slot belongs to acme-memory" in ran.out
    assert "ok    surfaces    skipped: the slot belongs to another provider" in ran.out
    assert "ok    sweep       skipped" in ran.out
    assert host.slot.read_text() == FOREIGN and snapshot(host.peer("alpha")) == before
    found = host.findings("--repair")
    assert found["memory-slot"]["status"] == "fail" and "acme-memory" in found["memory-slot"]["detail"]
    assert found["peer-surfaces"]["status"] == "skip"
    ran = host.run("update")
    assert ran.code == 1 and "not ours to update" in ran.out
    assert host.slot.read_text() == FOREIGN and snapshot(host.peer("alpha")) == before
    assert not (host.core.root / "fragments/iapeer-memory.md").exists(), "no page that tells of tools nobody has"
    host.ok("uninstall")
    assert host.slot.read_text() == FOREIGN and host.triggers() == {}


def test_a_doctrine_of_somebody_else_is_a_collision_whose_recipe_works(host: CoreBed) -> None:
    host.core.ok("create", "scriber", "--description", "my own scribe")
    doctrine = host.peer("scriber") / ".iapeer/IAPEER.md"
    doctrine.write_text("# I write poems\n")
    steps = host.steps("init", "--non-interactive")
    assert steps["exit"] == {"code": 1} and not steps["roles"]["ok"]
    (line,) = steps["roles"]["sublines"]
    assert line.startswith("COLLISION scriber: ") and "iapeer rename scriber NEW" in line
    assert doctrine.read_text() == "# I write poems\n"
    roles = json.loads((host.state / "roles.json").read_text())["roles"]
    assert [row["role"] for row in roles] == ["index", "dreamweaver"]
    assert host.core.profile("scriber").get("wake_policy") is None

    host.core.ok("rename", "scriber", "poet")
    host.init()
    assert (host.peer("poet") / ".iapeer/IAPEER.md").read_text() == "# I write poems\n"
    assert len(json.loads((host.state / "roles.json").read_text())["roles"]) == 3
    assert not host.failing()


def test_a_russian_host(host: CoreBed) -> None:
    steps = host.steps("init", "--non-interactive", "--locale", "ru")
    assert steps["exit"] == {"code": 0}
    manifest = json.loads((host.state / "roles.json").read_text())["roles"]
    assert all("/templates/ru/" in row["template"] for row in manifest)
    assert "IAPEER_MEMORY_LOCALE=ru\n" in (host.bed.config_dir / "config.env").read_text(), (
        "or the next update is English"
    )
    assert any("Знания" in path.name for path in host.bed.vault.iterdir())
    doctrine = (host.peer("index") / ".iapeer/IAPEER.md").read_text()
    assert any("а" <= letter <= "я" for letter in doctrine.lower())
    assert any("а" <= letter <= "я" for letter in host.core.registry()[2]["description"].lower())
    again = host.steps("init", "--non-interactive")
    assert again["exit"] == {"code": 0} and not again["templates"]["changed"], "a re-init keeps the locale"


def test_the_notifier_that_is_missing_is_named_with_the_command_that_installs_it(tmp_path: Path, runtime: Path) -> None:
    with core_bed_in(tmp_path, runtime, peers=()) as host:
        host.core.ok("remove", "watcher")
        steps = host.steps("init", "--non-interactive")
        assert steps["exit"] == {"code": 1}
        assert steps["deps"]["sublines"] == ["install it: iapeer install-runtime notifier"]
        assert not steps["watcher"]["ok"]
        host.core.ok("install-runtime", "notifier")
        host.init()
