"""verify --deep: ask the harnesses themselves, on request only.

Each peer's own MCP entry is copied alone into a scratch folder and asked about there, with a clean environment and a
scratch home: a harness that is started in a peer's folder may run what the repository says. Codex' hook trust is asked
once for all folders; listing runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os.path import join

import tomli_w

from iapeer_memory.domain.finding import Finding
from iapeer_memory.domain.peer import Peer
from iapeer_memory.fleet.map import NoMap
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.peers import mapped_peers
from iapeer_memory.provision.sweep import wanted
from iapeer_memory.surfaces.shims import environment
from iapeer_memory.surfaces.want import SERVER, want

SECONDS = 30.0
QUIET = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1"}


def deep_findings(host: Host, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """One finding a peer and harness that is asked, and one for every hook of ours that Codex will not run."""
    peers = mapped_peers(host)
    if isinstance(peers, NoMap):
        return (Finding("deep", "skip", "see fleet-map"),)
    unknown = [name for name in names if name not in {p.personality for p in peers}]
    findings = [
        Finding(f"deep[{name}]", "fail", "no peer of that name", remedy="iapeer-memory peer list") for name in unknown
    ]
    chosen = [p for p in peers if (not names or p.personality in names) and not p.paused]
    path = host.env.get("PATH", "")
    claude, codex = host.door.processes.which("claude", path), host.door.processes.which("codex", path)
    scratch = join(host.paths.cache_dir, f"deep-{host.door.random.token()}")
    try:
        for peer in chosen:
            if "claude" in peer.harnesses():
                findings.append(ask_claude(host, peer, claude, join(scratch, peer.personality, "claude")))
            if "codex" in peer.harnesses():
                findings.append(ask_codex(host, peer, codex, join(scratch, peer.personality, "codex")))
    finally:
        host.door.files.remove_tree(scratch)
    asked = [p.cwd for p in chosen if "codex" in p.harnesses()]
    return (*findings, *(hook_findings(host, codex, asked) if codex and asked else ()))


def clean(host: Host, home: str) -> Mapping[str, str]:
    """An environment that holds nothing of this session."""
    return {"HOME": home, "PATH": host.env.get("PATH", ""), "LANG": "C.UTF-8", "TERM": "dumb", **QUIET}


def ask_claude(host: Host, peer: Peer, claude: str | None, scratch: str) -> Finding:
    """`claude mcp list` on our entry alone."""
    name = f"deep[{peer.personality}:claude]"
    if claude is None:
        return Finding(name, "skip", "claude is not on PATH")
    entry = dict(want(peer, "claude", wanted(host)).server)
    if "command" in entry:
        entry["env"] = environment(
            host.paths
        )  # the scratch home is the harness's alone: what it starts is at home here
    files = host.door.files
    files.write(join(scratch, "work", ".mcp.json"), json.dumps({"mcpServers": {SERVER: entry}}).encode())
    files.write(join(scratch, ".claude", "settings.json"), b'{"enableAllProjectMcpServers": true}')
    result = host.door.processes.run(
        [claude, "mcp", "list"], timeout=SECONDS, env=clean(host, scratch), cwd=join(scratch, "work"), stdin=b""
    )
    line = next((text for text in result.stdout.splitlines() if text.startswith(f"{SERVER}:")), "")
    if "Connected" in line:
        return Finding(name, "ok", "claude connects to memory")
    reason = line or (result.spawn_error or ("no answer in time" if result.timed_out else "the server is not listed"))
    return Finding(name, "fail", reason, remedy="iapeer-memory verify --repair")


def ask_codex(host: Host, peer: Peer, codex: str | None, scratch: str) -> Finding:
    """`codex mcp list --json` on our entry alone; Codex makes no connection for it."""
    name = f"deep[{peer.personality}:codex]"
    if codex is None:
        return Finding(name, "skip", "codex is not on PATH")
    entry = dict(want(peer, "codex", wanted(host)).server)
    config = tomli_w.dumps({"mcp_servers": {SERVER: entry}}).encode()
    host.door.files.write(join(scratch, ".codex", "config.toml"), config)
    result = host.door.processes.run(
        [codex, "mcp", "list", "--json"], timeout=SECONDS, env=clean(host, scratch), cwd=scratch, stdin=b""
    )
    try:
        servers = json.loads(result.stdout) if result.ok else []
    except ValueError:
        servers = []
    if any(isinstance(s, dict) and s.get("name") == SERVER and s.get("enabled") for s in servers):
        return Finding(name, "ok", "codex accepts the entry")
    reason = result.stderr.strip().splitlines()[-1:] or [result.spawn_error or "the server is not listed"]
    return Finding(name, "fail", reason[0][:160], remedy="iapeer-memory verify --repair")


def hook_findings(host: Host, codex: str, folders: Sequence[str]) -> tuple[Finding, ...]:
    """One `app-server` call for all folders: which of our hooks Codex will skip without a word."""
    client = {"name": "iapeer-memory", "title": "iapeer-memory", "version": host.version}
    lines = [
        json.dumps({"id": 1, "method": "initialize", "params": {"clientInfo": client, "capabilities": {}}}),
        json.dumps({"method": "initialized"}),
        json.dumps({"id": 2, "method": "hooks/list", "params": {"cwds": list(folders)}}),
    ]
    env = {**clean(host, host.paths.home), "CODEX_HOME": host.paths.codex_home}
    result = host.door.processes.interact(
        [codex, "app-server"], lines=lines, until='"id":2', timeout=SECONDS, env=env, cwd="/"
    )
    hooks = [hook for hook in found_hooks(result.stdout) if host.paths.hooks_dir in str(hook.get("command", ""))]
    if not hooks:
        return (
            Finding(
                "deep-hooks",
                "warn",
                "codex reports none of our hooks: its folders are not trusted, or it did not answer",
            ),
        )
    asleep = [hook for hook in hooks if hook.get("trustStatus") not in ("trusted", "managed")]
    if not asleep:
        return (Finding("deep-hooks", "ok", f"codex trusts {len(hooks)} hook(s) of ours"),)
    return tuple(
        Finding(
            "deep-hooks",
            "warn",
            f"{h.get('trustStatus')}: {h.get('sourcePath')}",
            remedy="iapeer-memory init --grant-trust",
        )
        for h in asleep
    )


def found_hooks(stdout: str) -> list[Mapping[str, object]]:
    """Every hook object in the answer to the second call."""
    for line in stdout.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("id") == 2:
            rows = message.get("result", {}).get("data", []) if isinstance(message.get("result"), dict) else []
            return [hook for row in rows if isinstance(row, dict) for hook in row.get("hooks", [])]
    return []
