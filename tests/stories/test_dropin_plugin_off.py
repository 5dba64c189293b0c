"""The migration's means outside the sandbox: the steps run through a confined door, with real programs on PATH."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from iapeer_memory.domain.finding import Outcome
from iapeer_memory.domain.host import HostChoices
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.settings import Settings
from iapeer_memory.provision.host import ConfigFile, Host
from iapeer_memory.provision.steps.fleet import FleetStep
from iapeer_memory.provision.steps.plugin_off import PluginOffStep
from iapeer_memory.provision.steps.slot import SlotStep
from tests.support.confined import confined_door
from tests.support.reference_host import ReferenceHost, reference_host
from tests.support.standin_core.make import StandIn, make_core

GOOD: Mapping[str, Outcome] = {"surfaces": Outcome("surfaces", True, "landed")}


@dataclass(frozen=True)
class World:
    core: StandIn
    was: ReferenceHost
    host: Host

    @property
    def calls(self) -> list[str]:
        """What the harness programs were asked: folder, program and words."""
        book = self.core.home / "harness-calls"
        return book.read_text().splitlines() if book.exists() else []

    def update(self) -> tuple[Outcome, Outcome]:
        """The fleet step, a sweep that landed, then the two steps at stake."""
        done = {**GOOD, "fleet": FleetStep().apply(self.host, {})}
        off = PluginOffStep().apply(self.host, done)
        slot = SlotStep().apply(self.host, {**done, "plugin-off": off})
        return off, slot

    @property
    def migrated(self) -> bool:
        return "plugin" not in json.loads((self.core.root / "memory-provider.json").read_text())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    core = make_core(tmp_path)
    was = reference_host(core, legacy=True)
    env = core.env()
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    paths = Paths.from_env(env, os_home=str(core.home))
    config = ConfigFile(True)
    host = Host(
        confined_door(str(tmp_path)), paths, env, config, Settings({"IAPEER_MEMORY_VAULT_PATH": str(was.vault)}),
        HostChoices(core=str(core.binary)), True, "0.5.0", "dev",
    )  # fmt: skip
    return World(core, was, host)


def harness(world: World, name: str, script: str) -> None:
    """A program of that name on PATH which writes down where and how it was called."""
    path = world.core.binary.parent / name
    book = world.core.home / "harness-calls"
    path.write_text(f'#!/bin/sh\necho "$(basename "$PWD") {name} $* ${{PEER_IDENTITY:-}}" >> \'{book}\'\n{script}\n')
    path.chmod(0o755)


CALLS = [
    "alpha claude plugin uninstall iapeer-memory@agfpd --scope project ",
    "beta claude plugin uninstall iapeer-memory@agfpd --scope project ",
    "dreamweaver claude plugin uninstall iapeer-memory@agfpd --scope project ",
    "index claude plugin uninstall iapeer-memory@agfpd --scope project ",
    "scriber claude plugin uninstall iapeer-memory@agfpd --scope project ",
    "/ codex plugin remove iapeer-memory@agfpd ",
]


def test_a_core_without_the_verb_leaves_it_to_the_harnesses_own_commands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEER_IDENTITY", "claude-somebody")
    harness(world, "claude", "exit 0")
    harness(world, "codex", "exit 0")
    off, slot = world.update()
    assert (off.ok, slot.ok, world.migrated) == (True, True, True), off
    assert sorted(world.calls) == sorted(CALLS), "each claude peer in its folder, codex once, nobody's identity"


def test_a_plugin_that_is_not_there_is_what_was_wanted(world: World) -> None:
    harness(world, "claude", 'echo "Plugin iapeer-memory@agfpd is not installed" >&2; exit 1')
    harness(world, "codex", "exit 0")
    off, slot = world.update()
    assert (off.ok, slot.ok, world.migrated) == (True, True, True)


@pytest.mark.parametrize("broken", ["claude", "codex"])
def test_a_harness_command_that_fails_keeps_the_old_slot(world: World, broken: str) -> None:
    for name in ("claude", "codex"):
        harness(world, name, 'echo "cannot write the settings" >&2; exit 3' if name == broken else "exit 0")
    before = (world.core.root / "memory-provider.json").read_bytes()
    off, slot = world.update()
    assert (off.ok, slot.ok, world.migrated) == (False, False, False)
    assert (world.core.root / "memory-provider.json").read_bytes() == before
    assert all("cannot write the settings" in line and "by hand: " in line for line in off.sublines if broken in line)
    assert any("cannot write the settings" in line for line in off.sublines)
    harness(world, broken, "exit 0")
    off, slot = world.update()
    assert (off.ok, slot.ok, world.migrated) == (True, True, True)


def test_the_verb_wins_where_the_core_has_it(world: World) -> None:
    world.core.turn(memory_plugin="ok")
    harness(world, "claude", "exit 0")
    off, slot = world.update()
    assert (off.ok, slot.ok, world.migrated, world.calls) == (True, True, True, [])


def test_a_core_that_hangs_decides_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["iapeer_memory.ecosystem.core"], "SHORT", 0.5)
    harness(world, "claude", "exit 0")
    done = {**GOOD, "fleet": FleetStep().apply(world.host, {})}
    world.core.turn(hang=["help", "version"])
    off = PluginOffStep().apply(world.host, done)
    assert not off.ok and "no answer within 0.5 s" in off.detail and world.calls == []
    assert not SlotStep().apply(world.host, {**done, "plugin-off": off}).ok and not world.migrated


def test_a_host_whose_core_is_gone_uses_the_harnesses(world: World) -> None:
    FleetStep().apply(world.host, {})
    harness(world, "claude", "exit 0")
    harness(world, "codex", "exit 0")
    coreless = replace(world.host, choices=replace(world.host.choices, core=None))
    off = PluginOffStep().apply(coreless, {**GOOD, "fleet": Outcome("fleet", True, "as it is")})
    assert off.ok and len(world.calls) == len(CALLS)


def test_without_a_landed_sweep_nothing_is_called(world: World) -> None:
    world.core.turn(memory_plugin="ok")
    harness(world, "claude", "exit 0")
    landed = Outcome("fleet", True, "as it is")
    for done in ({}, {"fleet": landed}, {"fleet": landed, "surfaces": Outcome("surfaces", False, "2 failed")}):
        off = PluginOffStep().apply(world.host, done)
        assert not off.ok and off.detail.startswith("postponed")
    assert world.calls == [] and not world.core.calls("memory-plugin")
