"""Where the harnesses look, as measured: whose trust counts, where permissions count, which hooks file is read."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.codex import trusting
from iapeer_memory.surfaces.codex.hooks import dead
from iapeer_memory.surfaces.codex.trust import EVENTS, hook_hash
from iapeer_memory.surfaces.sweep import sweep
from tests.support.harness import trust as oracle
from tests.support.harness.hookfiles import ALIVE, DEAD, OURS
from tests.support.surfaces import Bench, actions, git, snapshot

LOCAL, SHARED = ".claude/settings.local.json", ".claude/settings.json"


def repository(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", ".")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-Af")
    git(folder, "commit", "-q", "--allow-empty", "-m", "c")


def claude_trusts(bench: Bench, *folders: object) -> None:
    projects = {str(folder): {"hasTrustDialogAccepted": True} for folder in folders}
    (bench.home / ".claude.json").write_text(json.dumps({"projects": projects}))


@pytest.mark.parametrize("kind", ["plain", "below", "worktree", "submodule"])
def test_whose_trust_counts_for_claude(tmp_path: Path, door: Door, kind: str) -> None:
    bench = Bench.make(tmp_path, door, allow=True)
    root = tmp_path / "main"
    root.mkdir()
    if kind != "plain":
        repository(root, {})
    if kind == "worktree":
        git(root, "worktree", "add", "-q", str(tmp_path / "tree"))
    if kind == "submodule":
        git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(root), "sub")
    peer = bench.peer(folder={"worktree": "tree", "submodule": "main/sub"}.get(kind, "main/deep"))
    bench.provision(peer, "claude")
    expected = peer.cwd if kind in ("plain", "submodule") else str(root)
    for folder in (str(root), peer.cwd):
        claude_trusts(bench, folder)
        assert ("approval" in bench.warnings(peer, "claude")) is (folder != expected), folder


def test_permissions_stand_where_they_count_in_an_untrusted_folder(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, allow=True)
    peer = bench.peer()
    bench.provision(peer, "claude")
    assert "permissions" not in json.loads(Path(peer.cwd, SHARED).read_text())
    assert "allow" not in bench.warnings(peer, "claude")
    bench.want = replace(bench.want, allow=False)
    other = bench.peer("beta", "beta")
    Path(other.cwd, ".claude").mkdir()
    Path(other.cwd, SHARED).write_text(Path(peer.cwd, LOCAL).read_text())
    assert "allow" in bench.warnings(other, "claude")
    claude_trusts(bench, other.cwd)
    assert "allow" not in bench.warnings(other, "claude")


def test_permissions_move_once_the_better_place_is_open(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, allow=True)
    peer = bench.peer()
    cwd = Path(peer.cwd)
    repository(cwd, {LOCAL: '{"model": "opus"}\n'})
    bench.provision(peer, "claude")
    assert "permissions" in json.loads((cwd / SHARED).read_text())
    assert "counts once Claude trusts" in bench.warnings(peer, "claude")["allow"] and not bench.drift(peer, "claude")
    git(cwd, "rm", "-q", "--cached", LOCAL)
    git(cwd, "commit", "-q", "-m", "theirs no more")
    (drift,) = bench.drift(peer, "claude")
    assert drift.startswith("allow: it stands in")
    assert actions(bench.provision(peer, "claude"))["allow"] == "written"
    assert not bench.drift(peer, "claude") and "allow" not in bench.warnings(peer, "claude")
    assert set(json.loads((cwd / SHARED).read_text())) == {"hooks"}
    assert bench.unprovision(peer, "claude").ok
    assert (cwd / LOCAL).read_text() == '{"model": "opus"}\n' and not (cwd / SHARED).exists()


def test_what_the_user_allowed_is_neither_written_nor_claimed(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, allow=True)
    peer = bench.peer()
    (bench.home / ".claude").mkdir()
    permissions = {
        "allow": ["mcp__iapeer-memory", f"Edit(/{bench.want.vault}/**)"], "additionalDirectories": [bench.want.vault],
    }  # fmt: skip
    (bench.home / ".claude/settings.json").write_text(json.dumps({"permissions": permissions}))
    assert actions(bench.provision(peer, "claude"))["allow"] == "already"
    assert not Path(peer.cwd, LOCAL).exists()


def script(bench: Bench, root: Path) -> None:
    """A claude that keeps local scope as the real one does: by the repository's top."""
    path = bench.root / "claude"
    path.write_text(
        "#!/usr/bin/env python3\nimport json,os,sys\n"
        f"p={str(bench.home / '.claude.json')!r}\n"
        "d=json.load(open(p)) if os.path.exists(p) else {}\n"
        f"s=d.setdefault('projects',{{}}).setdefault({str(root)!r},{{}}).setdefault('mcpServers',{{}})\n"
        "if sys.argv[2]=='add-json': s[sys.argv[5]]=json.loads(sys.argv[6])\n"
        "else: s.pop(sys.argv[5])\n"
        "json.dump(d,open(p,'w'))\n"
    )
    path.chmod(0o755)
    bench.claude = str(path)


def test_two_agents_of_a_repository_share_local_scope_and_it_names_neither(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    root = tmp_path / "team"
    repository(root, {".mcp.json": "{}", "sub/.mcp.json": "{}"})
    script(bench, root)
    one, two = bench.peer("one", "team"), bench.peer("two", "team/sub")
    assert actions(bench.provision(one, "claude", asked=True))["mcp"] == "written"
    assert actions(bench.provision(two, "claude"))["mcp"] == "already"

    def entry() -> Any:
        return json.loads((bench.home / ".claude.json").read_text())["projects"][str(root)]["mcpServers"]

    assert entry()["iapeer-memory"]["headers"] == {"X-IAPeer-Identity": "${PEER_IDENTITY:-}"}
    bench.unprovision(one, "claude")
    assert "iapeer-memory" in entry() and not bench.drift(two, "claude")
    assert actions(bench.unprovision(two, "claude"))["mcp"] == "removed"
    assert entry() == {}


def test_every_hash_is_what_the_oracle_works_out() -> None:
    handlers: list[dict[str, Any]] = [
        OURS, {**OURS, "timeout": 5}, {**OURS, "timeout": 0}, {**OURS, "timeoutSec": 7}, {**OURS, "timeout": None},
        {**OURS, "async": True}, {**OURS, "statusMessage": "Busy…"}, {**OURS, "statusMessage": None},
        {**OURS, "additionalContextLimit": 100}, {**OURS, "unknown": 1}, {**OURS, "command": "'/é \"\u2028 \U0001f600"},
    ]  # fmt: skip
    for event in (*EVENTS, "SessionEnd"):
        for matcher in (None, "", "Write|Edit"):
            for handler in handlers:
                known = {key: value for key, value in handler.items() if key != "timeout" or value is not None}
                expected = oracle.hook_hash(event, {"matcher": matcher}, known)
                assert hook_hash(event, matcher, handler) == expected, (event, matcher, handler)


@pytest.mark.parametrize(("doc", "says"), DEAD, ids=[says for _, says in DEAD])
def test_what_kills_a_codex_hooks_file(doc: object, says: str) -> None:
    assert says in (dead(json.dumps(doc).encode(), "f") or "")


def test_what_a_codex_hooks_file_bears_and_what_a_mark_at_its_start_does() -> None:
    assert [dead(json.dumps(doc).encode(), "f") for doc in ALIVE] == [None] * len(ALIVE)
    assert "byte order mark" in (dead(b"\xef\xbb\xbf{}", "f") or "")


def own(peer: Peer) -> Path:
    return Path(peer.cwd, ".codex/hooks.json")


def test_a_linked_work_tree_gets_the_users_hooks_and_then_nobody_has_two(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, grant_trust=True)
    main = tmp_path / "main"
    repository(main, {})
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"))
    before = snapshot(tmp_path)
    plain, root, tree = bench.peer("plain", "plain"), bench.peer("root", "main"), bench.peer("tree", "tree")
    before |= {"plain": "folder"}
    bench.provision(plain, "codex")
    assert own(plain).exists()
    job = bench.job()
    results = sweep(job, (plain, root, tree))
    bench.save(job)
    assert all(result.ok for result in results)
    user = bench.home / ".codex/hooks.json"
    assert user.exists() and not own(tree).exists() and not own(plain).exists() and not own(root).exists()
    for peer in (plain, root, tree):
        assert not bench.drift(peer, "codex") and "trust" not in bench.warnings(peer, "codex"), peer
    own(plain).write_text(user.read_text())
    (drift,) = bench.drift(plain, "codex")
    assert drift.startswith("hooks: also in")
    bench.provision(plain, "codex")
    assert not bench.drift(plain, "codex") and not own(plain).exists()
    job = bench.job()
    assert all(result.ok for result in sweep(job, (plain, root, tree), action="unprovision"))
    bench.save(job)
    (tmp_path / "ledger.json").unlink()
    assert {name: data for name, data in snapshot(tmp_path).items() if not name.startswith("backups")} == before


def test_without_trust_the_users_hooks_do_not_displace_a_peers_own(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door)
    team = bench.peer("team", "team")
    repository(Path(team.cwd), {".codex/hooks.json": '{"hooks": {}}\n'})
    plain = bench.peer("plain", "plain")
    for peer in (plain, team, plain):
        bench.provision(peer, "codex")
    assert own(plain).exists() and (bench.home / ".codex/hooks.json").exists()
    assert not bench.drift(plain, "codex")


def test_the_users_hooks_are_trusted_by_either_spelling_of_a_linked_home(tmp_path: Path, door: Door) -> None:
    bench = Bench.make(tmp_path, door, grant_trust=True)
    (tmp_path / "dotfiles").mkdir()
    (bench.home / ".codex").symlink_to(tmp_path / "dotfiles")
    team = bench.peer("team", "team")
    repository(Path(team.cwd), {".codex/hooks.json": '{"hooks": {}}\n'})
    bench.provision(team, "codex")
    state = tomllib.loads((tmp_path / "dotfiles/config.toml").read_text())["hooks"]["state"]
    assert {key.split(":")[0] for key in state} == set(trusting.user_sources(bench.view()))
    assert len(state) == 4 and "trust" not in bench.warnings(team, "codex")
