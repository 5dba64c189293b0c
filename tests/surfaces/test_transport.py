"""The two forms of our server's entry: what the bridge's says, either as drift from the other, and switching without a
trace of the one before."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.host import Transport
from iapeer_memory.domain.peer import Peer
from iapeer_memory.surfaces.sweep import sweep
from tests.support.surfaces import FOREIGN, Bench, actions, git, lay, snapshot
from tests.surfaces.test_places import repository, script
from tests.surfaces.test_round_trip import EMPTY

COMMAND = "/home/u/.local/bin/iapeer-memory"
FILES = {"claude": ".mcp.json", "codex": ".codex/config.toml"}
TOP = {"claude": "mcpServers", "codex": "mcp_servers"}
HARNESSES = tuple(FILES)
OTHER: dict[Transport, Transport] = {"http": "attach", "attach": "http"}
FOREIGN_SERVERS = {"other": {"command": "x"}, "iapeer-memory-2": {"command": COMMAND}, "iapeer": {"command": "y"}}


def host(root: Path, door: Door, transport: Transport = "attach", **changes: object) -> Bench:
    return Bench.make(root, door, transport=transport, command=COMMAND, **changes)


def read(peer: Peer, harness: str) -> dict[str, Any]:
    text = Path(peer.cwd, FILES[harness]).read_text()
    return dict(json.loads(text) if harness == "claude" else tomllib.loads(text))


def entry(peer: Peer, harness: str) -> Any:
    return read(peer, harness)[TOP[harness]]["iapeer-memory"]


def put_entry(peer: Peer, harness: str, value: object) -> None:
    doc = {TOP[harness]: {**FOREIGN_SERVERS, "iapeer-memory": value}, "mine": [1, 2]}
    path = Path(peer.cwd, FILES[harness])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(doc) if harness == "claude" else tomli_w.dumps(doc))


def test_what_a_fresh_peer_gets(tmp_path: Path, door: Door) -> None:
    bench = host(tmp_path, door)
    peer = bench.peer()
    for harness in HARNESSES:
        bench.provision(peer, harness)
    assert Path(peer.cwd, ".mcp.json").read_text() == json.dumps(
        {"mcpServers": {"iapeer-memory": {
            "type": "stdio", "command": COMMAND, "args": ["mcp", "--harness", "claude", "--project", peer.cwd],
        }}}, indent=2,
    ) + "\n"  # fmt: skip
    assert Path(peer.cwd, ".codex/config.toml").read_text() == (
        "[mcp_servers.iapeer-memory]\n"
        f'command = "{COMMAND}"\n'
        f'args = ["mcp", "--harness", "codex", "--project", "{peer.cwd}"]\n'
        'env_vars = ["XDG_RUNTIME_DIR", "XDG_DATA_HOME", "RUNNING_PROCESS_SERVICE_DEF_DIR", '
        '"RUNNING_PROCESS_MANIFEST_DIR", "RUNNING_PROCESS_DISABLE", "IAPEER_TEST_SANDBOX", '
        '"IAPEER_MEMORY_SUPPRESS_IAP_SEND"]\n'
        "startup_timeout_sec = 60\n"
        'default_tools_approval_mode = "approve"\n'
    )
    assert not bench.drift(peer, "claude") and not bench.drift(peer, "codex")


@pytest.mark.parametrize("with_core", [True, False])
def test_but_for_the_entry_both_transports_leave_the_same(tmp_path: Path, door: Door, with_core: bool) -> None:
    """Approvals, permissions, hooks, trust: they name the server and its tools, whatever carries them."""
    left = []
    for transport in OTHER:
        root = tmp_path / "host"
        root.mkdir()
        bench = host(root, door, transport, allow=True, grant_trust=True, with_core=with_core)
        peer = bench.peer()
        for harness in HARNESSES:
            assert bench.provision(peer, harness).ok
        left.append((snapshot(Path(peer.cwd)), snapshot(bench.home)))
        root.rename(tmp_path / transport)
    (peers, homes), (peers_too, homes_too) = left
    assert {name for name in peers if peers[name] != peers_too[name]} == set(FILES.values())
    assert peers.keys() == peers_too.keys() and homes == homes_too


@pytest.mark.parametrize("harness", HARNESSES)
def test_folders_that_are_moved_are_told(tmp_path: Path, door: Door, harness: str) -> None:
    moved = (("IAPEER_ROOT", '/srv/"odd" \\ $HOME'), ("CODEX_HOME", "/srv/codex"))
    bench = host(tmp_path, door, moved=moved)
    peer = bench.peer()
    bench.provision(peer, harness)
    assert entry(peer, harness)["env"] == dict(moved)
    assert not bench.drift(peer, harness)
    assert actions(bench.provision(peer, harness))["mcp"] == "already"


def spoiled(right: dict[str, Any], wrong: dict[str, Any]) -> dict[str, Any]:
    """What may have become of an entry. `wrong`: the one of the other transport."""
    found: dict[str, Any] = {
        "of the other transport": wrong,
        "both forms at once": {**wrong, **right},
        "more keys": {**right, "timeout": 5000},
        "not an object": 5,
        "empty": {},
    }
    for key, value in right.items():
        found[f"without {key}"] = {name: held for name, held in right.items() if name != key}
        found[f"another {key}"] = {**right, key: "x" if isinstance(value, str) else 7}
        if isinstance(value, list):
            found[f"more {key}"] = {**right, key: [*value, "--x"]}
            found[f"fewer {key}"] = {**right, key: value[:-1]}
            found[f"{key} in another order"] = {**right, key: value[::-1]}
    return found


@pytest.mark.parametrize("transport", OTHER)
@pytest.mark.parametrize("harness", HARNESSES)
def test_every_drift_is_seen_and_mended(tmp_path: Path, door: Door, harness: str, transport: Transport) -> None:
    bench = host(tmp_path, door, transport)
    peer = bench.peer()
    entries = {}
    for which in (OTHER[transport], transport):
        bench.want = replace(bench.want, transport=which)
        bench.provision(peer, harness)
        entries[which] = entry(peer, harness)
    right = entries[transport]
    cases = spoiled(right, entries[OTHER[transport]])
    assert len(cases) >= 11
    for what, value in cases.items():
        put_entry(peer, harness, value)
        assert [line.partition(":")[0] for line in bench.drift(peer, harness)] == ["mcp"], what
        assert actions(bench.provision(peer, harness))["mcp"] == "written", what
        expected = {TOP[harness]: {**FOREIGN_SERVERS, "iapeer-memory": right}, "mine": [1, 2]}
        assert read(peer, harness) == expected, what
        assert not bench.drift(peer, harness), what
        assert actions(bench.provision(peer, harness))["mcp"] == "already", what
    bench.unprovision(peer, harness)
    assert read(peer, harness) == {TOP[harness]: FOREIGN_SERVERS, "mine": [1, 2]}


@pytest.mark.parametrize("harness", HARNESSES)
def test_an_entry_of_somebody_else_under_our_name_is_displaced_and_kept(
    tmp_path: Path, door: Door, harness: str
) -> None:
    bench = host(tmp_path, door)
    peer = bench.peer()
    put_entry(peer, harness, {"command": "somebody-elses", "args": ["mcp"]})
    before = Path(peer.cwd, FILES[harness]).read_bytes()
    bench.provision(peer, harness)
    assert entry(peer, harness)["command"] == COMMAND
    kept = [path.read_bytes() for path in (tmp_path / "backups").rglob("*") if path.is_file()]
    assert before in kept


@pytest.mark.parametrize("repo", [True, False], ids=["repository", "plain"])
@pytest.mark.parametrize("before", [{}, FOREIGN, EMPTY], ids=["nothing", "foreign", "empty"])
@pytest.mark.parametrize("first", OTHER)
def test_switching_there_and_back_leaves_no_trace_of_the_other(
    tmp_path: Path, door: Door, first: Transport, before: dict[str, str], repo: bool
) -> None:
    bench = host(tmp_path, door, first, allow=True, grant_trust=True)
    peer = bench.peer()
    if repo:
        git(Path(peer.cwd), "init", "-q", ".")
    lay(peer.cwd, before)
    was, home_was = snapshot(Path(peer.cwd)), snapshot(bench.home)

    def provisioned(transport: Transport) -> dict[str, str]:
        bench.want = replace(bench.want, transport=transport)
        for harness in HARNESSES:
            assert bench.provision(peer, harness).ok and not bench.drift(peer, harness)
        return {name: (Path(peer.cwd) / name).read_text() for name in FILES.values()}

    at_first = provisioned(first)
    switched = provisioned(OTHER[first])
    for text in (at_first if first == "http" else switched).values():
        assert "/mcp" in text and COMMAND not in text
    for text in (switched if first == "http" else at_first).values():
        assert COMMAND in text and "127.0.0.1" not in text and "Identity" not in text
    for name, text in provisioned(first).items():
        assert sorted(text.split()) == sorted(at_first[name].split())
    for harness in HARNESSES:
        assert bench.unprovision(peer, harness).ok
    assert snapshot(Path(peer.cwd)) == was
    assert snapshot(bench.home) == home_was


def test_the_entries_that_peers_share_switch_too(tmp_path: Path, door: Door) -> None:
    """In Claude's local scope and in the user's Codex configuration no peer is named: the session's folder tells."""
    bench = host(tmp_path, door, "http")
    root = tmp_path / "team"
    repository(root, {".mcp.json": "{}", ".codex/config.toml": "", "sub/.mcp.json": "{}", "sub/.codex/config.toml": ""})
    script(bench, root)
    lay(str(bench.home), {".codex/config.toml": 'model = "m" # mine\n'})
    peers = (bench.peer("one", "team"), bench.peer("two", "team/sub"))
    team_was = snapshot(root)

    def sweep_all(transport: Transport, action: str = "provision") -> None:
        bench.want = replace(bench.want, transport=transport)
        job = bench.job(asked=True)
        results = sweep(job, peers, action=action)  # type: ignore[arg-type]
        bench.save(job)
        assert all(result.ok for result in results), results

    def shared() -> tuple[dict[str, Any], dict[str, Any]]:
        claude = json.loads((bench.home / ".claude.json").read_text())["projects"][str(root)]["mcpServers"]
        codex = tomllib.loads((bench.home / ".codex/config.toml").read_text())["mcp_servers"]
        return claude["iapeer-memory"], codex["iapeer-memory"]

    sweep_all("http")
    over_http = shared()
    sweep_all("attach")
    claude, codex = shared()
    assert claude == {"type": "stdio", "command": COMMAND, "args": ["mcp", "--harness", "claude"]}
    assert codex["args"] == ["mcp", "--harness", "codex"] and "url" not in codex and "env_http_headers" not in codex
    bench.want = replace(bench.want, transport="http")
    for peer in peers:
        # Only Claude's own command may change its file, and only where somebody asked: no drift, but a warning.
        assert "drifted" in bench.warnings(peer, "claude")["mcp"]
        assert [line.partition(":")[0] for line in bench.drift(peer, "codex")][:1] == ["mcp"]
    sweep_all("http")
    assert shared() == over_http
    sweep_all("attach")
    sweep_all("attach", "unprovision")
    assert (bench.home / ".codex/config.toml").read_text() == 'model = "m" # mine\n'
    assert json.loads((bench.home / ".claude.json").read_text())["projects"][str(root)]["mcpServers"] == {}
    assert snapshot(root) == team_was


def test_an_unset_bearer_variable_of_another_server_is_told_beside_the_bridge(tmp_path: Path, door: Door) -> None:
    """Codex drops such a server without a word; with the core and over HTTP our own entry names such a variable."""
    bench = host(tmp_path, door, with_core=True)
    peer = bench.peer()
    lay(peer.cwd, {".codex/config.toml": '[mcp_servers.other]\nurl = "http://x"\nbearer_token_env_var = "GONE"\n'})
    for transport in OTHER:
        bench.want = replace(bench.want, transport=transport)
        bench.provision(peer, "codex")
        assert "GONE" in bench.warnings(peer, "codex")["bearer"], transport
