"""Sweeping the legacy plugin: by the core's verb, by the harnesses' commands, or by a recipe."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.peer import Peer
from iapeer_memory.ecosystem.core import Core
from iapeer_memory.ecosystem.plugin import PluginOff, plan, turn_off
from iapeer_memory.egress.compose import open_door
from iapeer_memory.egress.real import real_door
from iapeer_memory.egress.sandbox import OwnProgram
from tests.support.standin_core.make import StandIn, make_core

UNINSTALL = "plugin uninstall iapeer-memory@agfpd --scope project"
REMOVE = "plugin remove iapeer-memory@agfpd"


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = make_core(tmp_path)
    for key in list(os.environ):
        if key.startswith(("IAPEER", "PEER_", "CODEX", "CLAUDE")):
            monkeypatch.delenv(key)
    for key, value in made.env(CLAUDECODE="1", CLAUDE_CODE_ENTRYPOINT="cli", PEER_IDENTITY="claude-me").items():
        monkeypatch.setenv(key, value)
    made.root.mkdir(parents=True)
    plugin = {"name": "iapeer-memory", "marketplace": "agfpd"}
    slot = {"provider": "iapeer-memory", "package": "p", "version": "0.2.0", "plugin": plugin}
    (made.root / "memory-provider.json").write_text(json.dumps(slot))
    return made


@pytest.fixture
def peers(tmp_path: Path) -> tuple[Peer, ...]:
    for name in ("a b", "b", "p"):
        (tmp_path / name).mkdir()
    return (
        Peer("a", str(tmp_path / "a b"), ("claude",)),
        Peer("b", str(tmp_path / "b"), ("claude", "codex")),
        Peer("gone", str(tmp_path / "gone"), ("claude",)),
        Peer("paused", str(tmp_path / "p"), ("claude",), paused=True),
        Peer("human", str(tmp_path), ("telegram",)),
    )


def harness(standin: StandIn, name: str, body: str = "") -> None:
    """A command that writes down how it was called."""
    path = standin.binary.parent / name
    path.write_text(f'#!/bin/sh\nenv > "$HOME/env"\necho "{name} $* @ $PWD" >> "$HOME/harness.log"\n{body}\n')
    path.chmod(0o755)


def called(standin: StandIn) -> list[str]:
    log = standin.home / "harness.log"
    return log.read_text().splitlines() if log.exists() else []


def sweep(standin: StandIn, peers: tuple[Peer, ...], *, with_core: bool = True, door: Door | None = None) -> PluginOff:
    door = door or real_door()
    core = Core(door, str(standin.binary)) if with_core else None
    return turn_off(door, core, peers, env=standin.env())


def test_the_core_that_has_the_verb_is_asked(standin: StandIn, peers: tuple[Peer, ...]) -> None:
    harness(standin, "claude")
    standin.turn(memory_plugin="ok")
    found = sweep(standin, peers)
    assert (found.state, found.ok, found.may_migrate) == ("swept", True, True)
    assert standin.calls("memory-plugin") == [["memory-plugin", "off", "--all"]]
    assert called(standin) == []


def test_a_verb_that_fails_keeps_the_slot(standin: StandIn, peers: tuple[Peer, ...]) -> None:
    standin.turn(memory_plugin="x" * 400)
    found = sweep(standin, peers)
    assert (found.state, found.ok, found.may_migrate) == ("failed", False, False)
    assert "iapeer memory-plugin off --all" in found.detail
    assert len(found.detail) < 200


@pytest.mark.parametrize("with_core", [True, False])
def test_else_the_harnesses_own_commands(standin: StandIn, peers: tuple[Peer, ...], with_core: bool) -> None:
    harness(standin, "claude")
    harness(standin, "codex")
    found = sweep(standin, peers, with_core=with_core)
    assert (found.state, found.may_migrate) == ("swept", True)
    assert called(standin) == [
        f"claude {UNINSTALL} @ {peers[0].cwd}", f"claude {UNINSTALL} @ {peers[1].cwd}", f"codex {REMOVE} @ /",
    ]  # fmt: skip
    assert [line for line in found.lines if peers[3].cwd in line]
    environment = (standin.home / "env").read_text()
    assert not [mark for mark in ("CLAUDECODE", "CLAUDE_CODE_", "PEER_") if f"\n{mark}" in environment]
    assert standin.calls("memory-plugin") == []


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("exit 0", "swept"),
        ('echo "Plugin iapeer-memory@agfpd is not installed" >&2; exit 1', "swept"),
        ('echo "Plugin x not found in installed plugins"; exit 1', "swept"),
        ('echo "cannot write settings" >&2; exit 1', "failed"),
        ("exit 1", "failed"),
    ],
)
def test_a_plugin_that_is_not_there_is_gone(standin: StandIn, peers: tuple[Peer, ...], body: str, state: str) -> None:
    harness(standin, "claude", body)
    found = sweep(standin, peers[:1])
    assert found.state == state
    assert found.may_migrate is (state == "swept")
    if state == "failed":
        assert f"(cd '{peers[0].cwd}' && {standin.binary.parent}/claude {UNINSTALL})" in found.lines[0]


def test_with_no_command_at_all_hands_get_the_recipe(standin: StandIn, peers: tuple[Peer, ...]) -> None:
    found = sweep(standin, peers)
    assert (found.state, found.ok, found.may_migrate) == ("recipe", True, True)
    assert found.lines == (
        f"(cd '{peers[0].cwd}' && claude {UNINSTALL})",
        f"(cd {peers[1].cwd} && claude {UNINSTALL})",
        f"(cd {peers[3].cwd} && claude {UNINSTALL})",
        f"codex {REMOVE}",
    )


def test_a_core_that_does_not_say_what_it_knows_decides_nothing(standin: StandIn, peers: tuple[Peer, ...]) -> None:
    harness(standin, "claude")
    standin.turn(exit={"help": [1, "broken"], "version": [1, "out of order"]})
    found = sweep(standin, peers)
    assert (found.state, found.may_migrate) == ("failed", False)
    assert "out of order" in found.detail
    assert called(standin) == []


@pytest.mark.parametrize("with_core", [True, False])
def test_the_sandbox_skips_and_keeps_the_slot(standin: StandIn, peers: tuple[Peer, ...], with_core: bool) -> None:
    harness(standin, "claude")
    env = standin.env(IAPEER_TEST_SANDBOX="1")
    door = open_door(env, own=OwnProgram(sys.executable, "/nowhere"), raises=False)
    found = sweep(standin, peers, with_core=with_core, door=door)
    assert (found.state, found.ok, found.may_migrate) == ("skipped", True, False)
    assert standin.calls() == []
    assert called(standin) == []


def test_the_plan_is_pure() -> None:
    both = Peer("x", "/x", ("claude", "codex"))
    assert plan([both], has_core=True, core_knows=None, claude="/c", codex="/d").means == "unknown"
    assert plan([both], has_core=True, core_knows=True, claude="/c", codex="/d").means == "verb"
    only = plan([replace(both, runtimes=("claude",))], has_core=False, core_knows=None, claude="/c", codex=None)
    assert (only.means, only.recipe) == ("commands", ())
    half = plan([both], has_core=False, core_knows=None, claude=None, codex="/d")
    assert (half.means, half.recipe) == ("commands", (f"(cd /x && claude {UNINSTALL})",))
