"""A peer's folder is hostile ground: nothing outside it changes, nothing blocks, no foreign byte is lost."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.judged import shell_word
from iapeer_memory.surfaces.sweep import look, remembered, sweep
from tests.support.surfaces import Bench, actions, snapshot

FILES = {
    "claude": {
        ".mcp.json": "mcp",
        ".claude/settings.json": "hooks",
        ".claude/skills/iapeer-memory-init/SKILL.md": "skills",
    },
    "codex": {".codex/config.toml": "mcp", ".codex/hooks.json": "hooks"},
}


def link_out(path: Path, out: Path) -> None:
    (out / "target").write_text("{}")
    path.symlink_to(out / "target")


def parent_link_out(path: Path, out: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(out)


def dangling(path: Path, out: Path) -> None:
    path.symlink_to(out / "nowhere")


def fifo(path: Path, out: Path) -> None:
    os.mkfifo(path)


def device(path: Path, out: Path) -> None:
    path.symlink_to("/dev/null")


def folder(path: Path, out: Path) -> None:
    path.mkdir()


def hard_link(path: Path, out: Path) -> None:
    (out / "other").write_text("{}")
    os.link(out / "other", path)


def holding(data: bytes) -> Callable[[Path, Path], None]:
    def put(path: Path, out: Path) -> None:
        path.write_bytes(data)

    return put


PLANTS: dict[str, Callable[[Path, Path], None]] = {
    "link out": link_out,
    "dangling link": dangling,
    "fifo": fifo,
    "device": device,
    "folder": folder,
    "hard link": hard_link,
}
TEXTS: dict[str, Callable[[Path, Path], None]] = {
    "merge marks": holding(b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n"),
    "nul": holding(b'{"a": "\0"}'),
    "not utf-8": holding(b'{"a": "\xff"}'),
    "a list": holding(b"[]"),
    "cut short": holding(b'{"hooks": {'),
    "10 MB": holding(b'{"a": "' + b"x" * 10_500_000 + b'"}'),
}
CASES = [
    (harness, name, surface, plant)
    for harness, files in FILES.items()
    for name, surface in files.items()
    for plant in (*PLANTS, *(TEXTS if surface != "skills" else ()))
]


@pytest.mark.parametrize(("harness", "name", "surface", "plant"), CASES)
def test_one_bad_file_fails_its_surface_alone(
    tmp_path: Path, door: Door, harness: str, name: str, surface: str, plant: str
) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    out = tmp_path / "out"
    out.mkdir()
    path = Path(peer.cwd, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    (PLANTS | TEXTS)[plant](path, out)
    was, outside = snapshot(Path(peer.cwd)), snapshot(out)
    warned = bench.warnings(peer, harness)
    assert surface in warned and "\n" not in warned[surface]
    result = bench.provision(peer, harness)
    got = {o.surface: o for o in result.outcomes}
    assert got[surface].action == "failed" and str(path) in got[surface].detail
    others = {s: o.action for s, o in got.items() if s not in (surface, "trust")}
    assert set(others.values()) == {"written"}, others
    assert snapshot(out) == outside
    now = snapshot(Path(peer.cwd))
    assert {key: value for key, value in now.items() if key in was} == was
    removed = bench.unprovision(peer, harness)
    assert snapshot(out) == outside
    assert snapshot(Path(peer.cwd)) == was, removed


@pytest.mark.parametrize("where", [".claude", ".codex", ".claude/skills"])
def test_a_folder_that_is_a_link_out_is_not_gone_through(tmp_path: Path, door: Door, where: str) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    out = tmp_path / "out"
    (out / "iapeer-memory-extra").mkdir(parents=True)
    (out / "iapeer-memory-extra/SKILL.md").write_text("---\nname: iapeer-memory-extra\n---\n")
    link = Path(peer.cwd, where)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(out)
    was = snapshot(out)
    for harness in ("claude", "codex"):
        bench.provision(peer, harness)
        bench.unprovision(peer, harness)
    assert snapshot(out) == was and link.is_symlink()


def test_a_link_inside_the_folder_is_followed_and_kept(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    cwd = Path(peer.cwd)
    (cwd / "dot").mkdir()
    (cwd / ".claude").symlink_to("dot")
    (cwd / "shared.json").write_text("{}")
    (cwd / ".mcp.json").symlink_to("shared.json")
    was = snapshot(cwd)
    assert bench.provision(peer, "claude").ok
    assert not bench.drift(peer, "claude")
    assert (cwd / ".mcp.json").is_symlink() and "8766" in (cwd / "shared.json").read_text()
    bench.unprovision(peer, "claude")
    assert snapshot(cwd) == was


def test_a_named_place_outside_is_followed(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    bench.follow = (str(tmp_path / "dotfiles"),)
    peer = bench.peer()
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles/mcp.json").write_text("{}")
    Path(peer.cwd, ".mcp.json").symlink_to(tmp_path / "dotfiles/mcp.json")
    assert actions(bench.provision(peer, "claude"))["mcp"] == "written"
    assert not bench.drift(peer, "claude")


NAMES = ["with space", "quo'te", "üñï", "line\nbreak", "back\\\\slash\t\x1b[1m", 'dou"ble', "$(x)`y`"]


@pytest.mark.parametrize("name", NAMES)
def test_any_folder_name(tmp_path: Path, door: Door, name: str) -> None:
    bench = Bench.make(tmp_path, door, grant_trust=True, allow=True)
    peer = bench.peer(folder=name)
    for harness in ("claude", "codex"):
        assert bench.provision(peer, harness).ok
        assert not bench.drift(peer, harness)
        assert all("\n" not in (state.remedy or "") for state in bench.inspect(peer, harness))
    said = subprocess.run(["sh", "-c", f"printf %s {shell_word(peer.cwd)}"], capture_output=True, text=True, check=True)
    assert said.stdout == peer.cwd
    for harness in ("claude", "codex"):
        assert bench.unprovision(peer, harness).ok
    assert snapshot(Path(peer.cwd)) == {}


def test_who_is_swept(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    alpha = bench.peer("alpha", "a")
    peers = [
        alpha,
        Peer("paused", alpha.cwd, ("claude",), paused=True),
        Peer("twin", alpha.cwd, ("claude",)),
        Peer("gone", str(tmp_path / "nowhere"), ("codex",)),
        Peer("bot", alpha.cwd, ("telegram",)),
        Peer("old", alpha.cwd, ()),
        Peer("slash", str(bench.peer("slash", "s").cwd) + "/", ("claude",)),
    ]
    job = bench.job()
    seen: list[tuple[int, int]] = []
    results = sweep(job, peers, progress=lambda done, of, _: seen.append((done, of)))
    bench.save(job)
    assert [(r.personality, r.harness, bool(r.skipped)) for r in results] == [
        ("alpha", "claude", False), ("alpha", "codex", False), ("paused", "claude", True), ("twin", "claude", True),
        ("gone", "codex", True), ("bot", "", True), ("old", "", True), ("slash", "claude", False),
    ]  # fmt: skip
    assert seen[-1] == (8, 8)
    assert "telegram" in results[5].skipped and "alpha" in results[3].skipped and "nowhere" in results[4].skipped
    assert {(p.personality, p.cwd, p.runtimes) for p in remembered(bench.view())} == {
        ("alpha", alpha.cwd, ("claude", "codex")),
        ("slash", str(tmp_path / "s"), ("claude",)),
    }
    looks = look(bench.view(), peers)
    assert [entry.skipped for entry in looks] == [r.skipped for r in results]
    assert not any(entry.drifted for entry in looks)
    assert Path(peers[6].cwd, ".mcp.json").exists()


def test_unprovision_of_a_vanished_folder_is_absent(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, grant_trust=True)
    peer = bench.peer()
    for harness in ("claude", "codex"):
        bench.provision(peer, harness)
    for path in sorted(Path(peer.cwd).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    Path(peer.cwd).rmdir()
    assert set(actions(bench.unprovision(peer, "claude")).values()) == {"absent"}
    assert actions(bench.unprovision(peer, "codex")) == {"mcp": "absent", "hooks": "absent", "trust": "removed"}
    assert not (bench.home / ".codex").exists()
    left = json.loads((tmp_path / "ledger.json").read_bytes())
    assert not any(left[key] for key in ("files", "folders", "excludes", "placed", "shares")), left


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_unreadable_is_not_absent(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    path = Path(peer.cwd, ".mcp.json")
    path.write_text("{}")
    path.chmod(0)
    assert actions(bench.provision(peer, "claude"))["mcp"] == "failed"
    path.chmod(0o600)
    assert path.read_text() == "{}"
