"""Peers that the core bears, moves and removes: its calls of our two verbs, and what verify makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.core_bed import CoreBed, changed_paths, core_bed_in, snapshot

HOSTILE = {
    "PEER_PERSONALITY": "mallory", "PEER_IDENTITY": "claude-mallory", "PEER_RUNTIME": "claude",
    "IAPEER_BEARER": "x", "CLAUDECODE": "1",
}  # fmt: skip


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(tmp_path, runtime) as made:
        made.init("--skip-guide")
        yield made


def lifecycle(host: CoreBed) -> list[str]:
    book = host.core.root / "logs/iapeer/lifecycle.log"
    return [line for line in book.read_text().splitlines() if "ev=memory-provision" in line] if book.exists() else []


def core_env(host: CoreBed, **more: str) -> dict[str, str]:
    return {**host.bed.env, **host.core.env(), **more}


def test_a_birth_by_the_core_is_enough_and_repair_takes_the_newborn_into_the_map(host: CoreBed) -> None:
    host.core.turn(provision_env={**HOSTILE, "PATH": "/usr/bin:/bin"}, provision_cwd="/")
    done = host.core.run("create", "beta", env=core_env(host))
    assert (done.returncode, "FAILED" in done.stderr) == (0, False), done.stderr
    calls = [line for line in lifecycle(host) if "-beta " in line]
    assert [line.split()[1] for line in calls] == [
        "identity=claude-beta",
        "identity=claude-beta",
        "identity=codex-beta",
    ]
    assert all("state=ok" in line for line in calls), calls

    cwd = host.peer("beta")
    servers = json.loads((cwd / ".mcp.json").read_text())["mcpServers"]
    assert servers["iapeer-memory"]["headers"] == {"X-IAPeer-Identity": "${PEER_IDENTITY:-claude-beta}"}
    assert "mallory" not in "".join(str(data) for _, data in snapshot(cwd).values())
    assert "beta" not in host.map_names(), "the core lists it after our part"

    failing = host.failing()
    assert list(failing) == ["fleet-map"] and "new or moved: beta" in failing["fleet-map"]
    found = host.findings("--repair")
    assert found["fleet-map"]["status"] == "repaired" and "beta" in host.map_names()
    assert not host.failing()


def test_a_removal_by_the_core_takes_our_part_out_and_repair_drops_it_from_the_map(host: CoreBed) -> None:
    cwd = host.peer("alpha")
    (cwd / "mine.txt").write_text("mine")
    # in life this may be typed by another agent, whose identity then stands in the environment
    done = host.core.run("remove", "alpha", env=core_env(host, **HOSTILE))
    assert done.returncode == 0 and "memory unprovision: claude:ok, codex:ok" in done.stdout, done
    left = {path.removeprefix(f"{cwd}/"): data for path, (_, data) in snapshot(cwd, fragments=True).items()}
    ours = {name: data for name, data in left.items() if b"iapeer-memory" in (data if isinstance(data, bytes) else b"")}
    assert set(ours) <= {".iapeer/fragments/iapeer-memory.md"}
    assert left["mine.txt"] == b"mine" and not [name for name in left if name.startswith(".claude/skills/")]
    assert list(json.loads((cwd / ".mcp.json").read_text())["mcpServers"]) == ["iapeer"]
    assert "gone: alpha" in host.failing()["fleet-map"]
    assert host.findings("--repair")["fleet-map"]["status"] == "repaired"
    assert "alpha" not in host.map_names() and not host.failing()


def test_a_peer_that_moved_and_was_renamed_keeps_one_entry_under_the_new_name(host: CoreBed) -> None:
    old = host.peer("alpha")
    host.core.ok("rename", "alpha", "omega")
    assert {"fleet-map", "peer-surfaces[alpha:claude]"} & set(host.failing())
    host.ok("verify", "--repair")
    assert not host.failing() and not old.exists()
    text = (host.peer("omega") / ".mcp.json").read_text()
    assert "claude-omega" in text and "claude-alpha" not in text


BAD_WORDS = {
    "relative folder": ("--cwd", "work", "--runtime", "claude", "--personality", "x"),
    "no folder": ("--runtime", "claude", "--personality", "x"),
    "no runtime": ("--cwd", "/tmp", "--personality", "x"),
    "unknown runtime": ("--cwd", "/tmp", "--runtime", "telegram", "--personality", "x"),
    "no personality": ("--cwd", "/tmp", "--runtime", "claude"),
    "bad personality": ("--cwd", "/tmp", "--runtime", "claude", "--personality", "X Y"),
    "bad occasion": ("--cwd", "/tmp", "--runtime", "claude", "--personality", "x", "--occasion", "party"),
    "unknown flag": ("--cwd", "/tmp", "--runtime", "claude", "--personality", "x", "--force"),
    "line break": ("--cwd", "/tmp/a\nb", "--runtime", "claude", "--personality", "x"),
}


def test_bad_words_and_missing_folders(host: CoreBed) -> None:
    before = snapshot(host.core.root / "peers", host.bed.config_dir)
    for what, words in BAD_WORDS.items():
        ran = host.bed.run("provision-peer", *words)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), (what, ran)
        assert ran.err.startswith("iapeer-memory provision-peer: "), what
    ran = host.bed.run("unprovision-peer", "--cwd", "work", "--runtime", "claude")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    gone = ("--cwd", str(host.home / "gone"), "--runtime", "claude")
    ran = host.bed.run("provision-peer", *gone, "--personality", "x")
    assert (ran.code, ran.err.count("\n")) == (1, 1) and "does not exist" in ran.err
    ran = host.bed.ok("unprovision-peer", *gone, "--personality", "x")
    assert "absent" in ran.out and not (host.home / "gone").exists()
    assert host.bed.ok("unprovision-peer", *gone).code == 0, "the reference's words name no personality"
    assert changed_paths(before, snapshot(host.core.root / "peers", host.bed.config_dir)) == set()


def test_provision_and_its_mirror_by_hand(host: CoreBed) -> None:
    cwd = host.home / "a folder"
    cwd.mkdir()
    words = ("--cwd", str(cwd), "--runtime")
    ran = host.bed.ok("provision-peer", *words, "claude", "--personality", "folder", "--occasion", "birth")
    lines = ran.out.splitlines()
    assert [line[:4] for line in lines[:3]] == ["ok  "] * 3
    assert [line.split()[1] for line in lines[:3]] == ["hooks", "mcp", "skills"]
    assert lines[-2] == f"provision: claude peer at {cwd} (occasion: birth)"
    once = snapshot(cwd)
    again = host.bed.ok("provision-peer", *words, "claude", "--personality", "folder")
    assert "written" not in again.out and snapshot(cwd) == once
    codex = host.bed.ok("provision-peer", *words, "codex", "--iapeer-bin", str(host.core.binary))
    assert [line.split()[1] for line in codex.out.splitlines()[:3]] == ["mcp", "hooks", "trust"]
    unnamed = host.bed.ok("provision-peer", *words, "codex", "--json").json()
    assert (unnamed["kind"], unnamed["ok"]) == ("provision", True)
    host.bed.ok("unprovision-peer", *words, "codex")
    host.bed.ok("unprovision-peer", *words, "claude")
    assert list(cwd.iterdir()) == []


def test_many_at_once(host: CoreBed) -> None:
    cwd = host.home / "crowd"
    cwd.mkdir()
    (cwd / ".mcp.json").write_text('{"mcpServers": {"theirs": {"command": "x"}}}')
    words = [sys.executable, "-I", "-m", "iapeer_memory", "provision-peer", "--cwd", str(cwd), "--personality", "crowd"]

    def one(number: int) -> subprocess.CompletedProcess[str]:
        runtime = ("claude", "codex")[number % 2]
        return subprocess.run(
            [*words, "--runtime", runtime], env=host.bed.env, capture_output=True, text=True, check=False, timeout=90
        )

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(one, range(4)))
    assert [d.returncode for d in done] == [0] * 4, [d.stderr for d in done]
    assert list(json.loads((cwd / ".mcp.json").read_text())["mcpServers"]) == ["theirs", "iapeer-memory"]
    assert (cwd / ".codex/config.toml").read_text().count("[mcp_servers.iapeer-memory]") == 1
    assert not [path for path in snapshot(cwd) if ".tmp" in path]
    settings = json.loads((cwd / ".claude/settings.json").read_text())
    assert [len(entries) for entries in settings["hooks"].values()] == [1, 1]


def test_a_paused_peer_is_left_alone_and_resuming_brings_it_up_to_date(host: CoreBed) -> None:
    host.bed.ok("peer", "pause", "alpha")
    servers = host.peer("alpha") / ".mcp.json"
    servers.write_text("{}\n")
    assert not host.failing()
    host.ok("verify", "--repair")
    host.ok("update")
    assert servers.read_text() == "{}\n"
    for ran in (host.ok("peer", "list", "--json"), host.bed.ok("peer", "list", "--json")):
        assert [p["name"] for p in ran.json()["peers"] if p["paused"]] == ["alpha"]
    host.bed.ok("peer", "resume", "alpha")
    assert "iapeer-memory" in servers.read_text() and not host.failing()


def test_peers_of_the_core_are_not_added_here(host: CoreBed) -> None:
    ran = host.bed.run("peer", "add", "beta", str(host.home))
    assert (ran.code, ran.err.count("\n")) == (2, 1) and "iapeer create NAME" in ran.err
    ran = host.bed.run("init", "--non-interactive", "--peer", f"beta={host.home}")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
