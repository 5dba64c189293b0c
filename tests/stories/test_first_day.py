"""A fresh host without the core: init, a note found, drift healed, update, uninstall."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, bed_in, tree, until


def test_from_nothing_to_memory_and_back(bed: Bed) -> None:
    bed.prepare()
    before = {}
    for name in ("alpha", "beta"):
        bed.peer(name).mkdir(parents=True)
        (bed.peer(name) / "README.md").write_text(f"# {name}\n")
        before[name] = tree(bed.peer(name))
    bed.ok(
        "init",
        *[w for n in ("alpha", "beta") for w in ("--peer", f"{n}={bed.peer(n)}")],
        "--allow",
        "--non-interactive",
    )

    (bed.vault / "01_Knowledge" / "Port.md").write_text("The staging database listens on port 5544.\n")
    until(lambda: "5544" in bed.run("search", "staging", "port").out, "the note is found")

    found = bed.findings()
    assert {row["status"] for row in found.values()} <= {"ok", "warn"}
    assert found["peer-surfaces"]["detail"].startswith("4 peer-runtime(s) in place")

    again = bed.ok("update", "--json").json()
    assert [row["changed"] for row in again["steps"]] == [False] * len(again["steps"])

    bed.ok("uninstall")
    assert {name: tree(bed.peer(name)) for name in before} == before
    assert bed.daemons() == []
    assert (bed.vault / "01_Knowledge" / "Port.md").exists() and (bed.config_dir / "config.env").exists()
    bed.ok("uninstall")


DRIFTS = {
    "claude mcp entry": lambda p: (p / ".mcp.json").unlink(),
    "claude mcp port": lambda p: (p / ".mcp.json").write_text(
        (p / ".mcp.json").read_text().replace("127.0.0.1", "localhost")
    ),
    "claude hooks": lambda p: (p / ".claude/settings.json").write_text('{"model": "x"}\n'),
    "claude skill": lambda p: (p / ".claude/skills/iapeer-memory-status/SKILL.md").write_text("mine now\n"),
    "codex block": lambda p: (p / ".codex/config.toml").write_text('model = "x"\n'),
    "codex hooks": lambda p: (p / ".codex/hooks.json").unlink(),
}


@pytest.fixture(scope="module")
def healed(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Bed]:
    """One host for all that drifts and is as it was when its test ends; a peer for each surface."""
    with bed_in(tmp_path_factory.mktemp("healed"), runtime) as bed:
        bed.init(*(drift.replace(" ", "-") for drift in DRIFTS))
        yield bed


@pytest.mark.parametrize("drift", DRIFTS)
def test_each_surface_drifts_and_is_healed(healed: Bed, drift: str) -> None:
    bed, peer = healed, healed.peer(drift.replace(" ", "-"))
    whole = tree(peer)
    DRIFTS[drift](peer)
    bad = [row for row in bed.findings().values() if row["status"] == "fail"]
    assert [row["check"].split("[")[0] for row in bad] == ["peer-surfaces"] and bad[0][
        "remedy"
    ] == "iapeer-memory verify --repair"
    assert bed.findings("--repair")["peer-surfaces"]["status"] == "repaired"
    assert bed.run("verify").code == 0
    after = tree(peer)
    assert set(after) == set(whole)
    differing = [name for name in whole if after[name] != whole[name]]
    assert all(b"model" in (after[name] or b"") for name in differing)


PLACED = ("hooks/iapeer-memory.post-write.sh", "hooks/iapeer-memory.session-start.sh", "memoryd-launcher.sh")


@pytest.mark.parametrize("name", PLACED)
@pytest.mark.parametrize("damage", ["gone", "changed", "mode"])
def test_shims_and_launcher_drift_and_are_healed(healed: Bed, name: str, damage: str) -> None:
    bed, file = healed, healed.config_dir / name
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "changed":
        file.write_text("#!/bin/sh\nexit 0\n")
    else:
        file.chmod(0o644)
    assert bed.run("verify").code == 1
    bed.ok("verify", "--repair")
    assert file.read_bytes() == whole and file.stat().st_mode & 0o777 == 0o755


def test_the_command_and_the_map_drift_and_are_healed(bed: Bed) -> None:
    bed.init("alpha")
    command = bed.home / ".local/bin/iapeer-memory"
    command.unlink()
    (bed.state / "fleet.json").write_text("{}")
    found = bed.findings()
    assert (found["binary"]["status"], found["fleet-map"]["status"]) == ("fail", "fail")
    healed = bed.findings("--repair")
    assert (healed["binary"]["status"], healed["fleet-map"]["status"]) == ("repaired", "repaired")
    assert command.exists() and json.loads((bed.state / "fleet.json").read_text())["peers"][0]["personality"] == "alpha"


def test_a_daemon_that_is_gone_comes_back_once(bed: Bed) -> None:
    bed.init("alpha")
    (first,) = bed.daemons()
    bed.end()
    assert bed.findings()["memoryd-heartbeat"]["status"] == "fail"
    assert bed.findings("--repair")["memoryd-heartbeat"]["status"] == "repaired"
    (second,) = bed.daemons()
    assert second != first


def test_a_dry_run_changes_nothing_and_says_what_it_would(bed: Bed, tmp_path: Path) -> None:
    bed.prepare()
    bed.peer("alpha").mkdir(parents=True)
    before = tree(bed.home)
    ran = bed.ok("init", "--peer", f"alpha={bed.peer('alpha')}", "--non-interactive", "--dry-run")
    assert tree(bed.home) == before and bed.daemons() == []
    assert f"would write {bed.peer('alpha')}/.mcp.json" in ran.out
