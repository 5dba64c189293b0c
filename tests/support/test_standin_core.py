"""The stand-in core itself, against the lines of the contract."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.standin_core.make import StandIn, make_core

PROVIDER = """#!/bin/sh
# A provider that writes down what the world looks like at the moment it is called.
{
  printf '%s\\n' "ARGS $*" "PWD $PWD" "PEER ${PEER_PERSONALITY-}"
  [ -e "$3/.iapeer/peer-profile.json" ] && echo profile
  [ -e "$3/.mcp.json" ] && echo servers
  [ -e "$3/.iapeer/IAPEER.md" ] && echo doctrine
  [ -e "$3/.claude/settings.json" ] && echo native
  grep -q "\\"$3\\"" "$IAPEER_ROOT/peers-profiles.json" 2>/dev/null && echo registered
} >> "$IAPEER_ROOT/provider.log"
[ -e "$IAPEER_ROOT/provider.fails" ] && { echo "no room" >&2; exit 3; }
exit 0
"""


@pytest.fixture
def core(tmp_path: Path) -> StandIn:
    return make_core(tmp_path)


@pytest.fixture
def slotted(core: StandIn) -> StandIn:
    """A core whose memory slot is taken by a provider that keeps a log."""
    command = core.home / "provider"
    command.write_text(PROVIDER)
    command.chmod(0o755)
    core.root.mkdir(parents=True)
    args = ["{cwd}", "{runtime}", "--personality={personality}", "{occasion}"]
    slot: dict[str, Any] = {"provider": "acme", "package": "@acme/m", "version": "1.0.0"}
    slot["provision"] = {"command": str(command), "args": ["provision", "--cwd", *args]}
    slot["unprovision"] = {"command": str(command), "args": ["unprovision", "--cwd", *args]}
    (core.root / "memory-provider.json").write_text(json.dumps(slot))
    return core


def log(core: StandIn) -> list[str]:
    return (core.root / "provider.log").read_text().splitlines()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_refuses_to_run_without_a_root(core: StandIn) -> None:
    done = core.run("list", env={"PATH": "/usr/bin:/bin", "HOME": str(core.home)})
    assert done.returncode == 70
    assert list(core.home.iterdir()) == []


def test_it_refuses_to_touch_codex_without_a_named_home(core: StandIn) -> None:
    env = core.env()
    del env["CODEX_HOME"]
    done = core.run("create", "alpha", env=env)
    assert done.returncode == 1
    assert "CODEX_HOME" in done.stderr
    assert not (core.home / ".codex").exists()


@pytest.mark.parametrize(
    ("argv", "code", "stdout", "stderr"),
    [
        (("version",), 0, "0.4.86\n", ""),
        (("-v",), 0, "0.4.86\n", ""),
        (("anything", "--help"), 0, "usage: iapeer", ""),
        (("memory-plugin", "off", "--all"), 2, "", 'iapeer: unknown verb "memory-plugin"\nusage'),
        (("wibble",), 1, "", "iapeer wibble: cannot resolve identity"),
        (("list", "--json"), 0, "[]\n", ""),
        (("list",), 0, "no peers registered", ""),
        (("native-memory", "off", "--all"), 1, "", 'peer "" is not in the iapeer peers index'),
        (("native-memory", "off"), 2, "", "usage"),
        (("send",), 2, "", "iapeer: send needs"),
        (("send", "x"), 2, "", "needs a message"),
        (("send", "x", "--message", "hi"), 1, "", "cannot resolve identity"),
        (("send", "x", "--message", "hi", "--from", "claude-me"), 1, "", "unknown caller"),
        (("remove", "nobody"), 0, '"nobody" not registered — no-op', ""),
        (("create", "Bad"), 1, "", "must match"),
        (("create",), 2, "", "needs <personality>"),
        (("init", "--personality=x"), 2, "", "was removed"),
        (("create", "alpha", "--path", "/somewhere/else"), 1, "", "does not normalise"),
        (("trust-hooks",), 2, "", "needs <hooks.json>"),
        (("self-done",), 1, "", "PEER_IDENTITY"),
        (("live-runtime", "x"), 1, "", ""),
        (("status",), 0, "memory: none", ""),
        (("update",), 0, "memory: no-slot", ""),
        (("onboard",), 2, "", "accept-risk"),
        (("onboard", "--accept-risk", "--no-memory"), 0, "memory: skipped-flag (slot: none)", ""),
    ],
)
def test_words_and_exit_codes(core: StandIn, argv: tuple[str, ...], code: int, stdout: str, stderr: str) -> None:
    done = core.run(*argv)
    assert (done.returncode, stdout in done.stdout, stderr in done.stderr) == (code, True, True), done
    assert "memory-plugin\n" not in done.stdout


def test_every_call_is_written_down(core: StandIn) -> None:
    core.run("version", env=core.env(PEER_PERSONALITY="me", SECRET="x"), cwd=str(core.home))
    (entry,) = core.book("journal")
    assert entry["argv"] == ["version"]
    assert entry["cwd"] == os.path.realpath(core.home)
    assert entry["env"]["PEER_PERSONALITY"] == "me"
    assert "SECRET" not in entry["env"]


def test_birth_order_and_number_of_calls(slotted: StandIn) -> None:
    out = slotted.ok("create", "alpha", "--description", "first")
    cwd = slotted.root / "peers/alpha"
    assert out.startswith(f'created "alpha" (default: claude; runtimes: claude, codex) at {cwd}; mcp: ')
    text = log(slotted)
    calls = [line.split() for line in text if line.startswith("ARGS")]
    assert [(call[1], call[4], call[5], call[6]) for call in calls] == [
        ("provision", "claude", "--personality=alpha", "birth"),
        ("provision", "claude", "--personality=alpha", "birth"),
        ("provision", "codex", "--personality=alpha", "birth"),
    ]
    first = text[: text.index("profile") + 2]
    assert first[-2:] == ["profile", "native"]
    assert "registered" not in first
    second = text[len(first) :]
    assert {"servers", "doctrine", "registered"} <= set(second)
    assert mode(cwd / ".iapeer/peer-profile.json") == 0o600
    assert mode(cwd) == mode(cwd / ".iapeer") == 0o700
    assert json.loads((cwd / ".claude/settings.json").read_text()) == {"autoMemoryEnabled": False}
    assert mode(cwd / ".claude/settings.json") == 0o600
    assert tomllib.loads((cwd / ".codex/config.toml").read_text()) == {"features": {"memories": False}}
    trust = tomllib.loads((slotted.codex_home / "config.toml").read_text())
    assert trust["projects"] == {os.path.realpath(cwd): {"trust_level": "trusted"}}
    assert "iapeer" in trust["mcp_servers"]
    assert "An empty doctrine launches a bare peer" in (cwd / ".iapeer/IAPEER.md").read_text()


def test_without_a_slot_nothing_of_memory_happens(core: StandIn) -> None:
    core.ok("create", "alpha")
    assert not (core.root / "peers/alpha/.claude").exists()


@pytest.mark.parametrize("block", [{"command": "relative", "args": []}, {"command": "/x", "args": [1]}, "text"])
def test_an_odd_block_is_absent_and_the_slot_stays_taken(slotted: StandIn, block: object) -> None:
    path = slotted.root / "memory-provider.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "provision": block}))
    slotted.ok("create", "alpha")
    assert not (slotted.root / "provider.log").exists()
    assert (slotted.root / "peers/alpha/.claude/settings.json").exists()


def test_a_failing_provider_warns_and_fails_nothing(slotted: StandIn) -> None:
    (slotted.root / "provider.fails").touch()
    done = slotted.run("create", "alpha", "--runtime", "claude")
    assert done.returncode == 0
    assert "warn: memory provision (claude) FAILED failed (no room)" in done.stderr
    assert "state=failed exit=3" in (slotted.root / "logs/iapeer/lifecycle.log").read_text()


def test_a_slow_provider_is_cut_off_and_a_missing_one_named(slotted: StandIn) -> None:
    slotted.turn(provision_timeout=0.2, installed=["claude"])
    (slotted.home / "provider").write_text("#!/bin/sh\nexec sleep 30\n")
    assert "FAILED timeout" in slotted.run("create", "alpha").stderr
    (slotted.home / "provider").unlink()
    assert "FAILED not-executable" in slotted.run("create", "beta").stderr


def test_the_slot_gets_the_callers_environment(slotted: StandIn) -> None:
    slotted.turn(provision_env={"PEER_PERSONALITY": "stranger"}, provision_cwd="/", installed=["claude"])
    slotted.ok("create", "alpha")
    assert {"PWD /", "PEER stranger"} <= set(log(slotted))


def test_a_birth_from_inside_another_peers_session_is_refused(slotted: StandIn) -> None:
    done = slotted.run("create", "alpha", env=slotted.env(PEER_PERSONALITY="beta"))
    assert (done.returncode, slotted.registry()) == (1, [])


def test_list_has_the_members_of_the_contract(core: StandIn) -> None:
    core.turn(live={"alpha": {"codex": "live"}}, last_active={"alpha": "codex"})
    core.ok("create", "alpha", "--description", "d" * 500)
    core.ok("install-runtime", "notifier")
    rows = json.loads(core.ok("list", "--json"))
    assert [row["personality"] for row in rows] == ["alpha", "timer", "watcher"]
    assert rows[0] == {
        "personality": "alpha",
        "default_runtime": "claude",
        "last_active_runtime": "codex",
        "intelligence": "artificial",
        "description": "d" * 450,
        "cwd": str(core.root / "peers/alpha"),
        "runtimes": [{"runtime": "claude", "status": "asleep"}, {"runtime": "codex", "status": "live"}],
    }
    assert rows[2]["intelligence"] == "absent"
    assert core.run("live-runtime", "alpha").stdout == "codex\n"
    core.turn(list_without_cwd=True)
    assert "cwd" not in json.loads(core.ok("list", "--json"))[0]
    (core.root / "peers-profiles.json").write_text("{")
    done = core.run("list", "--json")
    assert (done.returncode, "corrupted" in done.stderr) == (1, True)


def test_remove_takes_the_registry_first_and_keeps_the_folder(slotted: StandIn) -> None:
    slotted.ok("create", "alpha")
    (slotted.root / "provider.log").unlink()
    slotted.turn(live={"alpha": {"claude": "live"}})
    assert slotted.run("remove", "alpha").returncode == 1
    out = slotted.ok("remove", "alpha", "--force")
    assert 'removed "alpha" from the registry' in out
    assert "memory unprovision: claude:ok, codex:ok" in out
    assert "registered" not in log(slotted)
    calls = [line.split() for line in log(slotted) if line.startswith("ARGS")]
    assert [(c[1], c[4], c[6]) for c in calls] == [
        ("unprovision", "claude", "remove"),
        ("unprovision", "codex", "remove"),
    ]
    assert (slotted.root / "peers/alpha").is_dir()
    assert "projects" not in tomllib.loads((slotted.codex_home / "config.toml").read_text())


def test_add_runtime_and_rename(slotted: StandIn) -> None:
    slotted.turn(installed=["claude"])
    slotted.ok("create", "alpha")
    slotted.ok("install-runtime", "notifier")
    env = slotted.env(PEER_PERSONALITY="somebody")
    done = slotted.run("add-runtime", "codex", "--all", env=env)
    assert done.stdout.splitlines() == ["alpha: added", "timer: skipped-infra-peer", "watcher: skipped-infra-peer"]
    assert "PEER somebody" not in log(slotted)
    assert slotted.ok("add-runtime", "codex", "--peer", "alpha") == "alpha: already\n"
    before = len(log(slotted))
    assert "NOTE" in slotted.ok("rename", "alpha", "gamma")
    assert len(log(slotted)) == before
    assert (slotted.root / "peers/gamma/.iapeer/peer-profile.json").exists()
    assert slotted.profile("gamma")["personality"] == "gamma"


def test_native_memory(core: StandIn) -> None:
    core.ok("create", "alpha")
    core.ok("install-runtime", "notifier")
    settings = core.root / "peers/alpha/.claude/settings.json"
    settings.parent.mkdir()
    settings.write_text('{"model": "x"}')
    config = core.root / "peers/alpha/.codex/config.toml"
    config.parent.mkdir()
    config.write_text("# mine\n[features]\nx = true")
    out = core.ok("native-memory", "off", "--all")
    assert out.splitlines() == [
        "alpha (claude): written", "alpha (codex): written",
        "timer: no claude/codex runtime — skipped", "watcher: no claude/codex runtime — skipped",
    ]  # fmt: skip
    assert json.loads(settings.read_text()) == {"model": "x", "autoMemoryEnabled": False}
    assert (mode(settings), mode(config)) == (0o600, 0o600)
    assert config.read_text() == "# mine\n[features]\nmemories = false\nx = true"
    assert "already" in core.ok("native-memory", "off", "--peer=alpha")
    core.ok("native-memory", "on", "--all")
    assert json.loads(settings.read_text()) == {"model": "x"}
    settings.write_text("{")
    done = core.run("native-memory", "off", "--all")
    assert (done.returncode, settings.read_text()) == (1, "{")
    assert "alpha (claude): failed — settings.json is not JSON" in done.stdout


def hooks_file(folder: Path, hooks: object) -> Path:
    path = folder / ".codex/hooks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hooks": hooks}))
    return path


def test_trust_hooks(core: StandIn) -> None:
    folder = core.home / "a b"
    group = [{"hooks": [{"type": "command", "command": "/x y.sh"}]}]
    path = hooks_file(folder, {"PostToolUse": group, "SessionStart": group})
    link = core.home / "link.json"
    link.symlink_to(path)
    real = os.path.realpath(path)
    check = core.run("trust-hooks", str(path), "--check")
    assert (check.returncode, check.stdout.count("missing\t")) == (1, 2)
    assert core.ok("trust-hooks", str(link)) == f"trusted 2 hook(s) from {real} → {core.codex_home}/config.toml\n"
    state = tomllib.loads((core.codex_home / "config.toml").read_text())["hooks"]["state"]
    assert sorted(state) == [f"{real}:post_tool_use:0:0", f"{real}:session_start:0:0"]
    assert core.ok("trust-hooks", str(path)).startswith("already trusted: 2 hook(s)")
    assert core.ok("trust-hooks", str(path), "--check").count("trusted\t") == 2
    group[0]["hooks"][0]["command"] = "/other.sh"
    hooks_file(folder, {"PostToolUse": group, "SessionStart": group})
    check = core.run("trust-hooks", str(path), "--check")
    assert (check.returncode, check.stdout.count("drift\t")) == (1, 2)
    assert core.run("trust-hooks", str(hooks_file(folder, {"Wrong": group}))).returncode == 1
    hooks_file(folder, {})
    assert core.ok("trust-hooks", str(path), "--check") == "no command hooks found — nothing to check\n"
    assert core.run("trust-hooks", str(folder / "gone")).returncode == 1


@pytest.fixture
def notifier(core: StandIn) -> StandIn:
    """A core with the notifier's two peers and a provider's role peers."""
    core.turn(installed=["claude"])
    core.ok("install-runtime", "notifier")
    for role in ("index", "scriber"):
        core.ok("create", role)
    return core


def ask(core: StandIn, peer: str, config: object) -> str:
    body = config if isinstance(config, str) else json.dumps(config)
    core.ok("send", peer, "--from", "claude-index", "--message", body)
    return str(core.book("replies")[-1]["text"])


def test_triggers_land_in_the_owners_profile(notifier: StandIn) -> None:
    script = notifier.home / "launcher.sh"
    script.write_text('#!/bin/sh\necho "one $#"\necho\necho two\n')
    script.chmod(0o755)
    event = {"script": str(script), "target": "scriber", "id": "acme-d"}
    assert ask(notifier, "watcher", event) == "ok: registered acme-d"
    assert ask(notifier, "watcher", {**event, "target": "index"}) == "ok: registered acme-d"
    time = {"when": "0 4 * * 1", "message": "TICK", "target": "self", "id": "acme-t", "check": str(script)}
    assert ask(notifier, "timer", time) == "ok: registered acme-t"
    assert notifier.profile("index")["notifier"]["triggers"] == [
        {"role": "event", "id": "acme-d", "owner": "index", "target": "index", "script": str(script)},
        {"role": "time", "id": "acme-t", "owner": "index", "target": "index", "when": "0 4 * * 1",
         "message": "TICK", "check": str(script)},
    ]  # fmt: skip
    before = len(notifier.book("outbox"))
    notifier.ok("fire", "acme-d")
    notifier.ok("fire", "acme-t")
    assert [entry["message"] for entry in notifier.book("outbox")[before:]] == ["one 0", "two", "TICK"]
    assert [entry["code"] for entry in notifier.book("restarts")] == [0]
    assert ask(notifier, "timer", {"cmd": "unregister", "id": "acme-t"}) == "ok: unregistered"
    assert ask(notifier, "timer", {"cmd": "unregister", "id": "acme-t"}) == "ok: nothing to unregister"
    assert [t["id"] for t in notifier.profile("index")["notifier"]["triggers"]] == ["acme-d"]


def test_a_watcher_that_goes_on_is_stopped_and_its_lines_count(notifier: StandIn) -> None:
    script = notifier.home / "loop.sh"
    script.write_text("#!/bin/sh\necho up\nexec sleep 600\n")
    script.chmod(0o755)
    ask(notifier, "watcher", {"script": str(script), "target": "scriber", "id": "acme-d"})
    assert notifier.ok("fire", "acme-d", "--seconds", "0.3") == "acme-d: 1 line(s), still running\n"
    assert notifier.book("restarts") == []


@pytest.mark.parametrize(
    ("peer", "config", "words"),
    [
        ("watcher", "no json", "error"),
        ("watcher", {"target": "scriber"}, "script is required"),
        ("watcher", {"script": "/gone/x.sh", "target": "scriber"}, "not an executable file"),
        ("watcher", {"script": "true", "target": "nobody"}, "unknown target"),
        ("watcher", {"script": "true", "target": "scriber", "id": "Not An Id"}, "peer-name pattern"),
        ("timer", {"when": "0 4 * * MON", "message": "x", "target": "self"}, "bad when"),
        ("timer", {"when": "60 4 * * 1", "message": "x", "target": "self"}, "bad when"),
        ("timer", {"when": "0 4 * *", "message": "x", "target": "self"}, "bad when"),
        ("timer", {"when": "0 4 * * 1", "message": " ", "target": "self"}, "message is required"),
        ("timer", {"cmd": "unregister"}, "needs id"),
    ],
)
def test_a_bad_registration_is_delivered_and_stores_nothing(
    notifier: StandIn, peer: str, config: object, words: str
) -> None:
    assert words in ask(notifier, peer, config)
    assert "notifier" not in notifier.profile("index")


def test_send_says_delivered_or_queued_and_can_fail(notifier: StandIn) -> None:
    words = ("send", "scriber", "--from", "claude-index", "--message", "x")
    assert notifier.ok(*words) == "delivered to scriber (claude)\n"
    profile = notifier.root / "peers/scriber/.iapeer/peer-profile.json"
    profile.write_text(json.dumps({**json.loads(profile.read_text()), "wake_policy": "ephemeral"}))
    assert "queued for scriber (claude), depth 1" in notifier.ok(
        "send", "scriber", "--from=claude-index", "--message-file", str(profile)
    )
    done = notifier.run("send", "scriber", "--from", "claude-index", "--message-file", "-", stdin="piped")
    assert (done.returncode, notifier.book("outbox")[-1]["message"]) == (0, "piped")
    for sender in ("codex-index", "index", "claude-nobody"):
        assert notifier.run("send", "scriber", "--from", sender, "--message", "x").returncode == 1
    assert notifier.run("send", "scriber", "--from", "claude-index", "--message", "x" * 16_001).returncode == 1
    notifier.turn(send_fail={"scriber": "spool is full"})
    done = notifier.run("send", "scriber", "--from", "claude-index", "--message", "x")
    assert (done.returncode, done.stderr) == (1, "iapeer send: spool is full\n")


def test_status_and_update_look_at_the_slot(slotted: StandIn) -> None:
    beat = slotted.root / "beat"
    path = slotted.root / "memory-provider.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "heartbeat": str(beat)}))
    assert "memory: acme 1.0.0 (daemon not running — no heartbeat file)" in slotted.ok("status")
    beat.touch()
    assert "memory: acme 1.0.0 (heartbeat 0s ago)" in slotted.ok("status")
    slotted.turn(daemon=False)
    assert slotted.run("status").returncode == 1
    slotted.turn(update_command=[str(slotted.home / "provider")])
    assert "already-latest" in slotted.ok("update")
    assert "refused-foreign" in slotted.ok("onboard", "--accept-risk")


def test_faults(core: StandIn) -> None:
    core.ok("create", "alpha")
    core.turn(garbage={"list": "<html>"}, exit={"send": [7, "boom\n"]}, registry_locked=True)
    assert core.ok("list", "--json") == "<html>"
    assert core.run("send", "x").returncode == 7
    assert "held by another process" in core.run("create", "beta").stderr
    core.turn(garbage=None, hang=["list"])
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([core.binary, "list"], env=core.env(), timeout=0.5, capture_output=True, check=False)


@pytest.mark.parametrize(("answer", "code"), [("ok", 0), ("plugin host unreachable", 1)])
def test_a_private_core_that_still_has_the_plugin_verb(core: StandIn, answer: str, code: int) -> None:
    core.ok("create", "alpha")
    slot = {"provider": "iapeer-memory", "package": "p", "version": "0.2.0"}
    slot_with = {**slot, "plugin": {"name": "iapeer-memory", "marketplace": "agfpd"}}
    (core.root / "memory-provider.json").write_text(json.dumps(slot_with))
    core.turn(memory_plugin=answer)
    assert "memory-plugin" in core.ok("help")
    done = core.run("memory-plugin", "off", "--all")
    assert done.returncode == code
    assert ("alpha (claude): iapeer-memory@agfpd off" in done.stdout) is (code == 0)
    (core.root / "memory-provider.json").write_text(json.dumps(slot))
    assert core.run("memory-plugin", "off", "--all").returncode == 1


def test_what_a_session_would_start_with(core: StandIn) -> None:
    core.turn(installed=["claude"])
    core.ok("create", "alpha")
    mine = core.root / "peers/alpha/.iapeer"
    for folder in (core.root, mine):
        (folder / "fragments").mkdir()
    (core.root / "fragments/iapeer-memory.md").write_text("host half\n\n")
    (mine / "fragments/iapeer-memory.md").write_text("peer half")
    (mine / "fragments/empty.md").write_text("\n")
    (mine / "fragments/.iapeer-memory.md.abc.tmp").write_text("no")
    (mine / "fragments/link.md").symlink_to(core.root / "fragments/iapeer-memory.md")
    text = core.ok("prompt", "alpha")
    assert text.index("host half") < text.index("peer half")
    assert text.count("host half") == 1
    assert "<!-- ~/.iapeer/fragments/iapeer-memory.md -->\nhost half\n\n<!-- ~/.iapeer/peers/alpha" in text
    assert text.endswith("peer half\n")
    assert "empty.md" not in text


def test_births_at_once_leave_a_whole_registry(core: StandIn) -> None:
    names = [f"peer-{n}" for n in range(6)]
    core.turn(installed=["claude"])
    running = [
        subprocess.Popen([core.binary, "create", name], env=core.env(), stdout=subprocess.DEVNULL) for name in names
    ]
    assert [child.wait(60) for child in running] == [0] * 6
    assert [peer["personality"] for peer in core.registry()] == names
