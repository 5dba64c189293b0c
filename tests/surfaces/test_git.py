"""Without a core, `git status` is as it was, and the team's tracked files are left alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.domain.door import Door
from iapeer_memory.surfaces.git import exclude_line, find_work_tree, is_tracked, with_lines, without_lines
from iapeer_memory.surfaces.gitindex import NotAnIndexError, tracked
from tests.support.surfaces import Bench, actions, git, snapshot

TEAM = {
    ".mcp.json": '{"mcpServers": {}}',
    ".claude/settings.json": "{}",
    ".codex/config.toml": "",
    ".codex/hooks.json": "{}",
}


def commit(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "x")


def status(folder: Path) -> str:
    return git(folder, "status", "--porcelain", "-uall")


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("format", ["sha1", "sha256"])
@pytest.mark.parametrize("split", [False, True])
def test_real_indexes(tmp_path: Path, door: Door, version: str, format: str, split: bool) -> None:
    git(tmp_path, "init", "-q", f"--object-format={format}", ".")
    git(tmp_path, "config", "index.version", version)
    names = [".mcp.json", ".claude/settings.json", "a" * 200 + "/b", "ünï/x y", *(f"d/{i:04}" for i in range(300))]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", "-A")
    if version == "3":
        (tmp_path / "later").write_text("")
        git(tmp_path, "add", "-N", "later")
    if split:
        git(tmp_path, "update-index", "--split-index")
        (tmp_path / "new").write_text("n")
        git(tmp_path, "add", "new")
    tree = find_work_tree(door.files, str(tmp_path / "d"), os.getuid())
    assert tree is not None and tree.top == str(tmp_path)
    for name in names:
        assert is_tracked(door.files, tree, str(tmp_path / name)), name
    for name in (".mcp.jso", "mcp.json", ".claude", "d/0300", "x"):
        assert not is_tracked(door.files, tree, str(tmp_path / name)), name


@given(st.binary(max_size=80), st.sampled_from([2, 3, 4]))
def test_no_bytes_break_the_reader(junk: bytes, version: int) -> None:
    data = b"DIRC" + version.to_bytes(4, "big") + (3).to_bytes(4, "big") + junk + hashlib.sha1(junk).digest()
    with contextlib.suppress(NotAnIndexError):
        assert tracked(data, (b"a", junk[:3] or b"x")) <= {b"a", junk[:3] or b"x"}


@given(st.binary(max_size=60), st.lists(st.sampled_from(["/.mcp.json", "/a b", "/x\\*"]), max_size=3, unique=True))
@settings(max_examples=200)
def test_exclude_lines_come_out_again(before: bytes, lines: list[str]) -> None:
    new = tuple(line for line in lines if line.encode() not in before)
    after = with_lines(before, new)
    assert with_lines(after, new) == after
    gone = without_lines(after, new)
    assert gone in (before, before + b"\n")


@pytest.mark.parametrize("name", [".mcp.json", "a b/.mcp.json ", "we[i]rd*?/\\x", "line\nbreak/.mcp.json", "#x", "!y"])
def test_git_agrees_with_our_patterns(tmp_path: Path, door: Door, name: str) -> None:
    git(tmp_path, "init", "-q", ".")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    tree = find_work_tree(door.files, str(tmp_path), os.getuid())
    assert tree is not None and status(tmp_path)
    Path(tree.exclude_file).write_bytes(with_lines(None, (exclude_line(tree, str(path)),)))
    assert status(tmp_path) == ""


@pytest.mark.parametrize("kind", ["worktree", "submodule", "subfolder", "fresh"])
def test_every_kind_of_work_tree_stays_clean(tmp_path: Path, door: Door, kind: str) -> None:
    bench = Bench.make(tmp_path, door, allow=True, grant_trust=True)
    main = tmp_path / "main"
    main.mkdir()
    git(main, "init", "-q", ".")
    commit(main, {"f": "x"})
    folder = main
    if kind == "worktree":
        folder = tmp_path / "tree"
        git(main, "worktree", "add", "-q", str(folder))
    elif kind == "submodule":
        git(main, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(main), "sub")
        folder = main / "sub"
    elif kind == "subfolder":
        folder = main / "deep" / "er"
    was = status(main)
    peer = bench.peer(folder=str(folder.relative_to(tmp_path)))
    before = snapshot(main)
    for harness in ("claude", "codex"):
        assert bench.provision(peer, harness).ok
        assert not bench.drift(peer, harness)
    assert status(main) == was and status(Path(peer.cwd)) == (was if kind == "subfolder" else status(Path(peer.cwd)))
    assert not [line for line in status(folder).splitlines() if "mcp" in line or "claude" in line or "codex" in line]
    for harness in ("claude", "codex"):
        bench.unprovision(peer, harness)
    assert snapshot(main) == before
    assert not json.loads((tmp_path / "ledger.json").read_bytes())["excludes"]


def test_files_that_the_team_tracks_are_not_touched(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, allow=True, grant_trust=True)
    peer = bench.peer()
    cwd = Path(peer.cwd)
    git(cwd, "init", "-q", ".")
    commit(cwd, TEAM)
    was = snapshot(cwd)
    result = bench.provision(peer, "claude")
    assert actions(result)["mcp"] == "skipped" and result.ok  # only Claude's own command may write local scope
    assert actions(bench.provision(peer, "codex"))["mcp"] == "written"
    assert status(cwd) == ""
    assert not bench.drift(peer, "claude") and not bench.drift(peer, "codex")
    assert "mcp" in bench.warnings(peer, "claude")
    assert "iapeer-memory.post-write.sh" in (cwd / ".claude/settings.local.json").read_text()
    user = (bench.home / ".codex/config.toml").read_text()
    assert "[mcp_servers.iapeer-memory]" in user and "trust_level" not in user
    assert f"{bench.home}/.codex/hooks.json:session_start:0:0" in user
    for harness in ("claude", "codex"):
        bench.unprovision(peer, harness)
    assert snapshot(cwd) == was
    assert not list((bench.home / ".codex").glob("*")) if (bench.home / ".codex").exists() else True


def test_where_the_team_tracks_both_settings_files_nothing_is_written(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, allow=True)
    peer = bench.peer()
    cwd = Path(peer.cwd)
    git(cwd, "init", "-q", ".")
    commit(cwd, {".claude/settings.json": "{}", ".claude/settings.local.json": "{}"})
    assert actions(bench.provision(peer, "claude"))["hooks"] == "failed"
    assert status(cwd) == "" and "tracks both" in bench.warnings(peer, "claude")["hooks"]


def test_local_scope_goes_through_claude_when_asked(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    cwd = Path(peer.cwd)
    git(cwd, "init", "-q", ".")
    commit(cwd, TEAM)
    script = tmp_path / "claude"
    script.write_text(
        "#!/usr/bin/env python3\nimport json,os,sys\n"
        f"p={str(bench.home / '.claude.json')!r}\n"
        "d=json.load(open(p)) if os.path.exists(p) else {}\n"
        "s=d.setdefault('projects',{}).setdefault(os.getcwd(),{}).setdefault('mcpServers',{})\n"
        "if sys.argv[2]=='add-json': s[sys.argv[5]]=json.loads(sys.argv[6])\n"
        "else: s.pop(sys.argv[5])\n"
        "json.dump(d,open(p,'w'))\n"
    )
    script.chmod(0o755)
    bench.claude, bench.env = str(script), {"PATH": os.environ["PATH"]}
    assert actions(bench.provision(peer, "claude", asked=True))["mcp"] == "written"
    assert "mcp" not in bench.warnings(peer, "claude") and not bench.drift(peer, "claude")
    assert actions(bench.provision(peer, "claude"))["mcp"] == "already"
    assert actions(bench.unprovision(peer, "claude"))["mcp"] == "removed"
    assert json.loads((bench.home / ".claude.json").read_text())["projects"][peer.cwd]["mcpServers"] == {}


def test_a_branch_switch_is_not_drift(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, grant_trust=True)
    peer = bench.peer()
    cwd = Path(peer.cwd)
    git(cwd, "init", "-q", ".")
    commit(cwd, {"f": "x"})
    git(cwd, "branch", "plain")
    commit(cwd, {".claude/settings.json": "{}", ".codex/hooks.json": "{}"})
    git(cwd, "branch", "team")
    bench.provision(peer, "claude")
    bench.provision(peer, "codex")
    for branch in ("plain", "team", "plain"):
        git(cwd, "checkout", "-q", branch)
        assert not bench.drift(peer, "claude") and not bench.drift(peer, "codex"), branch
        assert status(cwd) == ""


def test_a_git_file_that_points_elsewhere_is_not_believed(tmp_path: Path, door: Door) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    git(victim, "init", "-q", ".")
    bench = Bench.make(tmp_path, door)
    peer = bench.peer()
    Path(peer.cwd, ".git").write_text(f"gitdir: {victim}/.git\n")
    was = snapshot(victim)
    assert bench.provision(peer, "claude").ok
    assert snapshot(victim) == was
