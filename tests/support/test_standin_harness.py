"""The stand-in and the plugin sweep before the real harnesses: what we take for granted of them is so."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from shlex import quote

import pytest

from iapeer_memory.domain.peer import Peer
from iapeer_memory.ecosystem.plugin import PLUGIN_ID, turn_off
from iapeer_memory.egress.real import real_door
from tests.support.harness.codex import Codex
from tests.support.harness.npm import Harnesses
from tests.support.harness.npm import harnesses as installed
from tests.support.standin_core.make import StandIn, make_core

pytestmark = pytest.mark.harness


@pytest.fixture
def real() -> Harnesses:
    found = installed()
    if found is None:
        pytest.skip("the pinned harnesses are not in the cache: ./test.sh --harnesses installs them")
    return found


@pytest.fixture
def core(tmp_path: Path, real: Harnesses, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A stand-in core with the real harnesses beside it on PATH, and the process in its world."""
    made = make_core(tmp_path.resolve())
    made.codex_home.mkdir()
    for name, command in (("claude", real.claude_command()), ("codex", real.codex_command())):
        path = made.binary.parent / name
        path.write_text(f'#!/bin/sh\nexec {" ".join(map(quote, command))} "$@"\n')
        path.chmod(0o755)
    for key in list(os.environ):
        if key.startswith(("IAPEER", "PEER_", "CODEX", "CLAUDE")):
            monkeypatch.delenv(key)
    quiet = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    for key, value in made.env(**quiet).items():
        monkeypatch.setenv(key, value)
    return made


def test_the_stand_ins_trust_is_codexs_trust(core: StandIn, real: Harnesses) -> None:
    folder = core.home / "a b"
    path = folder / ".codex/hooks.json"
    path.parent.mkdir(parents=True)
    hook = {"type": "command", "command": "'/x y.sh' é", "timeout": 7}
    group = {"matcher": "Write|Edit", "hooks": [hook, {"type": "command", "command": "/z.sh", "statusMessage": "s"}]}
    path.write_text(json.dumps({"hooks": {"PostToolUse": [group], "SessionStart": [group], "Stop": [group]}}))
    (core.codex_home / "config.toml").write_text(f"[projects.{json.dumps(str(folder))}]\ntrust_level = 'trusted'\n")
    codex = Codex(real, str(core.home))
    assert [h.trust for h in codex.hooks(str(folder))] == ["untrusted"] * 6
    core.ok("trust-hooks", str(path))
    assert [h.trust for h in codex.hooks(str(folder))] == ["trusted"] * 6
    path.write_text(path.read_text().replace("/z.sh", "/other.sh"))
    assert sorted(h.trust for h in codex.hooks(str(folder))) == ["modified"] * 3 + ["trusted"] * 3


def test_the_real_commands_take_the_plugin_off_and_may_be_run_twice(core: StandIn) -> None:
    market = core.home / "market"
    for path, document in (
        (
            market / ".claude-plugin/marketplace.json",
            {"name": "agfpd", "owner": {"name": "x"}, "plugins": [{"name": "iapeer-memory", "source": "./p"}]},
        ),
        (market / "p/.claude-plugin/plugin.json", {"name": "iapeer-memory", "version": "0.2.30"}),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(document))
    with_it, without = core.home / "with", core.home / "with out"
    with_it.mkdir()
    without.mkdir()

    def claude(*argv: str) -> None:
        subprocess.run(["claude", "plugin", *argv], cwd=with_it, check=True, capture_output=True, timeout=60)

    claude("marketplace", "add", str(market))
    claude("install", PLUGIN_ID, "--scope", "project")
    settings = with_it / ".claude/settings.json"
    assert json.loads(settings.read_text())["enabledPlugins"] == {PLUGIN_ID: True}
    peers = (Peer("with", str(with_it), ("claude", "codex")), Peer("without", str(without), ("claude",)))
    for _ in range(2):
        found = turn_off(real_door(), None, peers, env=os.environ)
        assert (found.state, found.lines) == ("swept", ()), found
        assert json.loads(settings.read_text())["enabledPlugins"] == {}
    assert not (without / ".claude").exists()
