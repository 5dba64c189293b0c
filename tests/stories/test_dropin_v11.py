"""A host of before the surfaces (slot v1.1): only `update` migrates it, in its order, and never half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory import __version__
from tests.support.core_bed import CoreBed, changed_paths, reference_bed_in, snapshot
from tests.support.reference_host import ReferenceHost

Taken = tuple[CoreBed, ReferenceHost]


@pytest.fixture
def taken(tmp_path: Path, runtime: Path) -> Iterator[Taken]:
    with reference_bed_in(tmp_path, runtime, legacy=True) as made:
        yield made


def slot_form(host: CoreBed) -> str:
    slot = json.loads(host.slot.read_text())
    return "v1.1" if "plugin" in slot else f"v1.2 {slot['version']}"


def test_verify_names_the_migration_and_repair_never_performs_it(taken: Taken) -> None:
    host, was = taken
    folders = tuple(cwd for name, cwd in was.peers.items() if name in ("alpha", "beta", "gamma"))
    slot, before = host.slot.read_bytes(), snapshot(*folders)
    for words in ((), ("--repair",)):
        found = host.findings(*words)
        assert (found["memory-slot"]["status"], found["memory-slot"]["remedy"]) == ("fail", "iapeer-memory update")
        assert "v1.1" in found["memory-slot"]["detail"]
        assert found["peer-surfaces"]["status"] == "skip"
        assert host.slot.read_bytes() == slot
        assert changed_paths(before, snapshot(*folders)) == set()
    assert host.run("verify", "--repair").code == 1
    assert "iapeer-memory-inbox-sweep" in host.triggers()
    assert not host.core.calls("memory-plugin")


def test_a_core_that_knows_the_verb_sweeps_and_then_the_slot_migrates(taken: Taken) -> None:
    host, _ = taken
    host.core.turn(memory_plugin="ok")
    steps = host.steps("update")
    assert steps.pop("exit") == {"code": 0}, steps
    names = list(steps)
    assert names.index("fleet") < names.index("surfaces") < names.index("plugin-off") < names.index("slot")
    assert steps["plugin-off"]["detail"].startswith("swept")
    assert host.core.calls("memory-plugin") == [["memory-plugin", "off", "--all"]]
    order = [call[0] for call in host.core.calls()]
    assert order.index("memory-plugin") > max(i for i, verb in enumerate(order) if verb == "trust-hooks")
    assert slot_form(host) == f"v1.2 {__version__}"
    assert "iapeer-memory-inbox-sweep" not in host.triggers() and "somebody-elses" in host.triggers()
    assert not host.failing()
    again = host.steps("update")
    assert "plugin-off" not in again and again["exit"] == {"code": 0}
    assert len(host.core.calls("memory-plugin")) == 1


def test_a_verb_that_fails_keeps_the_old_slot_and_the_next_update_finishes(taken: Taken) -> None:
    host, _ = taken
    host.core.turn(memory_plugin="the plugin is in use by a session that must be ended first" + "!" * 200)
    slot = host.slot.read_bytes()
    steps = host.steps("update")
    assert steps["exit"] == {"code": 1}
    assert not steps["plugin-off"]["ok"] and not steps["slot"]["ok"] and steps["surfaces"]["ok"]
    assert "in use by a session" in steps["plugin-off"]["detail"]
    assert "iapeer memory-plugin off --all" in steps["plugin-off"]["detail"]
    assert len(steps["plugin-off"]["detail"]) < 240
    assert host.slot.read_bytes() == slot
    host.core.turn(memory_plugin="ok")
    host.ok("update")
    assert slot_form(host) == f"v1.2 {__version__}" and not host.failing()


def test_surfaces_that_did_not_land_postpone_it(taken: Taken) -> None:
    host, was = taken
    host.core.turn(memory_plugin="ok")
    settings = was.peers["beta"] / ".claude/settings.json"
    whole = settings.read_bytes()
    settings.write_text("{ not json")
    slot = host.slot.read_bytes()
    ran = host.run("update")
    assert ran.code == 1
    assert "FAIL  plugin-off  postponed" in ran.out and "FAIL  slot        kept in the v1.1 form" in ran.out
    assert "beta:claude: hooks: " in ran.out
    assert host.slot.read_bytes() == slot and not host.core.calls("memory-plugin")
    assert settings.read_text() == "{ not json"
    settings.write_bytes(whole)
    host.ok("update")
    assert slot_form(host) == f"v1.2 {__version__}"


def test_a_registry_that_cannot_be_read_postpones_it(taken: Taken) -> None:
    """The old map names no runtimes: a sweep over it lands nowhere and finds nothing to complain of."""
    host, _ = taken
    host.core.turn(memory_plugin="ok", garbage={"list": "what?"})
    ran = host.run("update")
    assert ran.code == 1 and "FAIL  fleet " in ran.out and "FAIL  plugin-off  postponed" in ran.out
    assert slot_form(host) == "v1.1" and not host.core.calls("memory-plugin")


def test_in_the_sandbox_it_is_skipped_and_the_slot_stays(taken: Taken) -> None:
    """The core is remembered and not named; or it does not know the verb and the harnesses may not be started."""
    host, _ = taken
    fake = host.home / "bin"
    for name in ("claude", "codex"):
        fake.mkdir(exist_ok=True)
        (fake / name).write_text(f"#!/bin/sh\necho {name} >> {fake}/called\n")
        (fake / name).chmod(0o755)
    slot = host.slot.read_bytes()
    steps = host.steps("update")
    assert steps["plugin-off"]["detail"].startswith("skipped in the sandbox"), steps["plugin-off"]
    assert steps["slot"]["ok"] and steps["exit"] == {"code": 0}
    assert host.slot.read_bytes() == slot and not (fake / "called").exists()
    host.core.turn(memory_plugin="ok")
    ran = host.bed.run("update", "--json")
    unnamed: dict[str, Any] = {row["step"]: row for row in ran.json()["steps"]}
    assert unnamed["plugin-off"]["detail"].startswith("skipped in the sandbox") and ran.code == 0
    assert host.slot.read_bytes() == slot and not host.core.calls("memory-plugin")


def test_where_nothing_can_take_the_plugin_off_a_recipe_is_printed(taken: Taken) -> None:
    host, was = taken
    steps = host.steps("update")
    assert steps["exit"] == {"code": 0} and steps["plugin-off"]["ok"]
    lines = steps["plugin-off"]["sublines"]
    assert f"(cd '{was.peers['alpha']}' && claude plugin uninstall iapeer-memory@agfpd --scope project)" in lines
    assert lines[-1] == "codex plugin remove iapeer-memory@agfpd"
    assert slot_form(host) == f"v1.2 {__version__}"


def test_uninstall_of_an_old_host_prints_the_recipe_too(taken: Taken) -> None:
    host, _ = taken
    ran = host.ok("uninstall")
    assert "codex plugin remove iapeer-memory@agfpd" in ran.out
    assert not host.slot.exists() and list(host.triggers()) == ["somebody-elses"]
