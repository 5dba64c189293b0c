"""A core that hangs, speaks garbage, fails, lists nobody or is gone: one clear line each, and nothing is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.core_bed import CoreBed, core_bed_in, snapshot


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(tmp_path, runtime) as made:
        made.init()
        yield made


KNOBS: dict[str, tuple[dict[str, Any], str]] = {
    "garbage": ({"garbage": {"list": "<html>busy</html>"}}, "iapeer list: the answer is not JSON (<html>busy</html>)"),
    "no list": ({"garbage": {"list": '{"peers": []}'}}, "the answer is no list but dict"),
    "cut short": ({"garbage": {"list": '[{"personality": "al'}}, "the answer is not JSON"),
    "fails": ({"exit": {"list": [1, "iapeer list: peers-profiles.json corrupted\nsecond line\n"]}}, "corrupted"),
    "fails without a word": ({"exit": {"list": [3, ""]}}, "exit code 3"),
}
CLEAR = {"garbage": None, "exit": None}


def test_a_list_that_cannot_be_had_costs_a_line_and_keeps_the_map(host: CoreBed) -> None:
    state = {name: (host.state / name).read_bytes() for name in ("fleet.json", "roles.json", "host.json")}
    slot = host.slot.read_bytes()
    peers = snapshot(host.core.root / "peers")
    for what, (knobs, words) in KNOBS.items():
        host.core.turn(**{**CLEAR, **knobs})
        ran = host.run("update")
        (line,) = [line for line in ran.out.splitlines() if line.startswith("FAIL  fleet ")]
        assert ran.code == 1 and words in line and "second line" not in ran.out, what
        assert "ok    surfaces    8/8" in ran.out, what
        found = host.findings()
        assert (found["fleet-map"]["status"], found["role-descriptions"]["status"]) == ("warn", "skip"), what
        assert host.run("verify", "--repair").code == 0, what
        ran = host.run("init", "--non-interactive")
        assert ran.code == 1 and "FAIL  roles " in ran.out, what
        assert {name: (host.state / name).read_bytes() for name in state} == state, what
    assert host.slot.read_bytes() == slot and snapshot(host.core.root / "peers") == peers
    assert len(host.core.calls("create")) == 3, "nobody is created while it is not known who is there"
    host.core.turn(**CLEAR)
    host.ok("update")


def test_a_core_that_lists_nobody_empties_nothing(host: CoreBed) -> None:
    known = (host.state / "fleet.json").read_bytes()
    registry = host.core.root / "peers-profiles.json"
    whole = registry.read_bytes()
    registry.unlink()
    failing = host.failing("--repair")
    assert "the core lists no peers, the last map names 6" in failing["fleet-map"]
    ran = host.run("update")
    assert ran.code == 1 and "FAIL  fleet " in ran.out
    assert (host.state / "fleet.json").read_bytes() == known
    registry.write_bytes(whole)
    assert not host.failing()


def test_entries_that_lie_are_passed_over_one_by_one(host: CoreBed) -> None:
    rows = json.loads(host.core.ok("list", "--json"))
    alpha = next(row for row in rows if row["personality"] == "alpha")
    lies = [
        "text", {"personality": ""}, {"personality": "UPPER", "cwd": "/x"}, {"personality": "nowhere"},
        {"personality": "twin", "cwd": alpha["cwd"], "runtimes": [{"runtime": "claude"}]},
        {**alpha, "cwd": "/elsewhere"}, {"personality": "odd", "cwd": 7, "runtimes": "claude"},
        {"personality": "line", "cwd": "/a\nb"},
    ]  # fmt: skip
    host.core.turn(garbage={"list": json.dumps([*rows, *lies])})
    found = host.findings()
    assert found["fleet-map"]["status"] == "ok" and found["fleet-entries"]["status"] == "warn"
    ran = host.ok("update")
    assert host.map_names() == [row["personality"] for row in rows]
    assert "peer twin has the folder of alpha" in ran.out and "UPPER" in ran.out
    host.core.turn(garbage=None, list_without_cwd=True)
    ran = host.run("update")
    assert ran.code == 1 and host.map_names() == [row["personality"] for row in rows], "an old core lists no folders"


def test_a_core_that_hangs_is_asked_once(host: CoreBed) -> None:
    host.core.turn(hang=["list", "trust-hooks", "send", "version", "help", "native-memory"])
    (host.peer("alpha") / ".codex/hooks.json").unlink()
    host.core.forget()
    ran = host.run("update")
    assert ran.code == 1 and "no answer within 20 s" in ran.out
    assert [call[0] for call in host.core.calls()] == ["list"]
    assert len(host.map_names()) == 6
    host.core.turn(hang=None)
    host.ok("update")
    assert not host.failing()


def test_a_core_that_is_gone(host: CoreBed) -> None:
    known = (host.state / "fleet.json").read_bytes()
    away = host.core.binary.with_name("away")
    host.core.binary.rename(away)
    ran = host.bed.run("update", "--iapeer-bin", str(host.core.binary))
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    found = {row["check"]: row for row in host.bed.run("verify", "--json").json()["findings"]}
    assert not [name for name, row in found.items() if row["status"] == "fail"], "refused in the sandbox: skipped"
    assert (host.state / "fleet.json").read_bytes() == known
    host.bed.ok("uninstall")
    assert not host.slot.exists()


@pytest.mark.parametrize("target", ["watcher", "timer"])
def test_messages_that_are_not_delivered(host: CoreBed, target: str) -> None:
    host.core.turn(send_fail={target: "the router is down"})
    steps = host.steps("update")
    assert steps["exit"] == {"code": 1} and not steps["triggers"]["ok"]
    assert steps["triggers"]["detail"] == f"{target}: iapeer send: the router is down"
    ran = host.ok("uninstall")
    assert "not unregistered: iapeer send: the router is down" in ran.out
