"""A host as the reference provider leaves it behind, byte for byte where its formats are ours to keep.

`reference_host(core)`: release 0.4.17, slot v1.2, every surface in place. `reference_host(core, legacy=True)`: a
release of before the surfaces, slot v1.1 with its `plugin` block, no shims, no surfaces, a fleet map without runtimes.
Both hold foreign content beside ours, so that a drop-in test sees at once what was not kept.

The texts for people (skills, doctrines, guide) are made up; names, keys, order, markers and modes are the format's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapeer_memory.domain.paths import Paths
from tests.support.standin_core.levers import native_memory
from tests.support.standin_core.make import StandIn
from tests.support.standin_core.state import Root, merge_profile, write_json

VERSION, LEGACY_VERSION = "0.4.17", "0.2.30"
PORT = 8766
ROLES = ("index", "scriber", "dreamweaver")
SKILLS = ("init", "status", "migrate", "distill")
STAMP = "2026-07-03T10:00:00.000Z"
CRON = "0 4 * * 1"
PLUGIN_ID = "iapeer-memory@agfpd"
FOREIGN_HOOK = {"matcher": "Bash", "hooks": [{"type": "command", "command": "/opt/audit.sh", "timeout": 5}]}
FOREIGN_SERVER = {"command": "npx", "args": ["-y", "some-server"]}
FOREIGN_TOML = '# my own settings\nmodel = "gpt-5"\n\n[mcp_servers.other] # theirs\ncommand = "x"\n'
VAULT_FOLDERS = (
    "01_Knowledge", "02_Decisions", "03_Projects", "04_Ideas", "05_Lists", "06_Agent_Memory", "07_Archive", "99_System",
)  # fmt: skip
PROVISION = [
    "provision-peer", "--cwd", "{cwd}", "--runtime", "{runtime}", "--personality", "{personality}",
    "--occasion", "{occasion}",
]  # fmt: skip
UNPROVISION = ["unprovision-peer", "--cwd", "{cwd}", "--runtime", "{runtime}", "--occasion", "{occasion}"]


@dataclass(frozen=True)
class ReferenceHost:
    """What was laid out. `peers`: folder by name, role peers and the telegram human included."""

    core: StandIn
    paths: Paths
    vault: Path
    peers: dict[str, Path]
    version: str

    def hooks(self, *, matcher: bool) -> dict[str, Any]:
        """Our entries of a hooks object."""
        return hook_entries(self.paths, matcher=matcher)


def reference_host(core: StandIn, *, legacy: bool = False) -> ReferenceHost:
    """Lay the host out in the stand-in's world."""
    paths = Paths.from_env(core.env(), os_home=str(core.home))
    vault = core.home / "iapeer-memory-vault"
    version = LEGACY_VERSION if legacy else VERSION
    peers = _register(core, paths)
    _vault(vault)
    _config(paths, vault)
    _program(paths, version, shims=not legacy)
    _roles(paths, vault, peers, version)
    _fleet_map(core, paths, runtimes=not legacy)
    write_json(Path(paths.slot), slot(paths, legacy=legacy), 0o644)
    _triggers(paths, peers, legacy=legacy)
    _foreign(peers["alpha"])
    for name, cwd in peers.items():
        row = Root(core.root).peer(name) or {}
        for runtime in ("claude", "codex"):
            if runtime not in row["runtimes"]:
                continue
            native_memory(cwd, runtime, off=True)
            if legacy:
                _plugin(cwd, runtime)
            elif runtime == "claude":
                _claude(paths, name, cwd)
            else:
                _codex(core, paths, cwd)
        if not legacy:
            _fragment(paths, vault, cwd)
    core.forget()
    return ReferenceHost(core, paths, vault, peers, version)


def slot(paths: Paths, *, legacy: bool) -> dict[str, Any]:
    """The declaration of either revision."""
    head = {
        "provider": "iapeer-memory",
        "package": "@agfpd/iapeer-memory",
        "version": LEGACY_VERSION if legacy else VERSION,
        "registeredAt": STAMP,
        "heartbeat": paths.heartbeat,
    }
    if legacy:
        return {**head, "plugin": {"name": "iapeer-memory", "marketplace": "agfpd", "marketplaceRef": "owner/repo"}}
    command = paths.stable_binary
    return {
        **head,
        "provision": {"command": command, "args": PROVISION},
        "unprovision": {"command": command, "args": UNPROVISION},
    }


def hook_entries(paths: Paths, *, matcher: bool) -> dict[str, Any]:
    """The two events with our entries, as in `settings.json` (with a matcher) or `hooks.json` (without)."""
    post: dict[str, Any] = {"matcher": "Write|Edit|MultiEdit|Bash"} if matcher else {}
    post["hooks"] = [{"type": "command", "command": paths.post_write_shim}]
    return {
        "PostToolUse": [post],
        "SessionStart": [{"hooks": [{"type": "command", "command": paths.session_start_shim}]}],
    }


def codex_block(port: int = PORT) -> str:
    """The reference's block in a peer's `.codex/config.toml`."""
    return (
        "[mcp_servers.iapeer-memory]\n"
        f'url = "http://127.0.0.1:{port}/mcp"\n'
        'default_tools_approval_mode = "approve"\n'
        'bearer_token_env_var = "IAPEER_BEARER"\n'
        "\n"
        "[mcp_servers.iapeer-memory.env_http_headers]\n"
        '"X-IAPeer-Identity" = "PEER_IDENTITY"\n'
    )


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def put_json(path: Path, value: Any) -> None:
    put(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _register(core: StandIn, paths: Paths) -> dict[str, Path]:
    root = Root(core.root)
    home, own = core.home, Path(paths.root) / "peers"
    rows: list[tuple[str, Path, list[str], str]] = [
        ("alpha", home / "projects/my work/alpha", ["claude", "codex"], "artificial"),
        ("beta", own / "beta", ["claude"], "artificial"),
        ("gamma", own / "gamma", ["codex"], "artificial"),
        ("boris", own / "boris", ["telegram"], "natural"),
        *((role, own / role, ["claude"], "artificial") for role in ROLES),
        ("timer", own / "timer", ["notifier"], "absent"),
        ("watcher", own / "watcher", ["notifier"], "absent"),
    ]
    for name, cwd, runtimes, nature in rows:
        cwd.mkdir(parents=True, mode=0o700)
        profile = {
            "personality": name, "default_runtime": runtimes[0], "runtimes": runtimes,
            "description": f"The peer {name}", "intelligence": nature,
        }  # fmt: skip
        profile |= {"wake_policy": "ephemeral"} if name in ROLES else {}
        root.upsert(merge_profile(cwd, profile), cwd)
    return {name: cwd for name, cwd, _, _ in rows}


def _vault(vault: Path) -> None:
    for folder in VAULT_FOLDERS:
        (vault / folder).mkdir(parents=True)
    put(vault / "99_System/Tags.md", "# Tags\n\n<!-- one tag a row -->\n\n| tag | boundary |\n|---|---|\n")
    note = '---\ntitle: "{0}"\ntype: knowledge\nstatus: active\nauthor: alpha\n---\n\n# {0}\n\nThe {0} is kept here.\n'
    for title in ("Deploy order", "Billing rules"):
        put(vault / f"01_Knowledge/{title}.md", note.format(title))


def _config(paths: Paths, vault: Path) -> None:
    put(
        Path(paths.config_file),
        "# iapeer-memory\n"
        f"IAPEER_MEMORY_VAULT_PATH={vault}\n"
        "IAPEER_MEMORY_LOCALE=en\n"
        "# IAPEER_MEMORY_HUMAN_NAME=\n"
        "IAPEER_MEMORY_MODE=lean\n"
        "# IAPEER_MEMORY_MCP_PORT=8766\n"
        "MY_OWN_KEY=kept\n",
    )


def _program(paths: Paths, version: str, *, shims: bool) -> None:
    put(Path(paths.stable_binary), f"#!/bin/sh\necho {version}\n", 0o755)
    put(Path(paths.launcher), f'#!/usr/bin/env bash\nexec "{paths.stable_binary}" memoryd\n', 0o755)
    put(Path(paths.dream_gate), f'#!/usr/bin/env bash\nexec "{paths.stable_binary}" dream-collect --gate\n', 0o755)
    for path, verb in ((paths.post_write_shim, "post-write"), (paths.session_start_shim, "session-start")):
        if shims:
            find = 'cli="$(command -v iapeer-memory || echo "$HOME/.local/bin/iapeer-memory")"'
            text = f'#!/usr/bin/env bash\nset -euo pipefail\n{find}\n[ -x "$cli" ] || exit 0\nexec "$cli" hook {verb}\n'
            put(Path(path), text, 0o755)
    for name in (*ROLES, "guide"):
        head = "" if name == "guide" else f"---\nrole: {name}\nlocale: en\n---\n\n"
        put(Path(paths.templates) / f"en/{name}.md", f"{head}# {name}\n\nVault: {{{{VAULT_PATH}}}}\n")


def _roles(paths: Paths, vault: Path, peers: dict[str, Path], version: str) -> None:
    roles = []
    for role in ROLES:
        doctrine = f"<!-- iapeer-memory doctrine v{version} -->\n# {role}\n\nVault: {vault}\n"
        put(peers[role] / ".iapeer/IAPEER.md", doctrine)
        template = f"{paths.templates}/en/{role}.md"
        roles.append({"role": role, "peerCwd": str(peers[role]), "template": template})
    put_json(Path(paths.roles), {"roles": roles})
    put(Path(paths.guide), f"# guide\n\nVault: {vault}\n")


def _fleet_map(core: StandIn, paths: Paths, *, runtimes: bool) -> None:
    rows = [
        {"personality": p["personality"], "cwd": p["cwd"], **({"runtimes": p["runtimes"]} if runtimes else {})}
        for p in core.registry()
    ]
    put_json(Path(paths.fleet_map), {"updatedAt": STAMP, "peers": rows})


def _triggers(paths: Paths, peers: dict[str, Path], *, legacy: bool) -> None:
    triggers = [
        {"role": "event", "id": "iapeer-memory-memoryd", "owner": "index", "target": "scriber",
         "script": paths.launcher},
        {"role": "time", "id": "somebody-elses", "owner": "index", "target": "index", "when": "@every 1h",
         "message": "theirs"},
    ]  # fmt: skip
    if legacy:
        triggers.append(
            {"role": "time", "id": "iapeer-memory-inbox-sweep", "owner": "index", "target": "index",
             "when": "*/30 * * * *", "message": "INBOX_SWEEP: go"}
        )  # fmt: skip
    merge_profile(peers["index"], {"notifier": {"triggers": triggers}})


def _foreign(cwd: Path) -> None:
    put_json(cwd / ".mcp.json", {"mcpServers": {"other": FOREIGN_SERVER}})
    put_json(cwd / ".claude/settings.json", {"model": "opus", "hooks": {"PostToolUse": [FOREIGN_HOOK]}})
    put(cwd / ".claude/skills/mine/SKILL.md", "---\nname: mine\n---\n")
    put(cwd / ".codex/config.toml", FOREIGN_TOML)


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text()) if path.exists() else {}
    assert isinstance(found, dict)
    return found


def _merge_hooks(document: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    hooks = document.setdefault("hooks", {})
    for event, entries in ours.items():
        hooks[event] = [*hooks.get(event, []), *entries]
    return document


def _claude(paths: Paths, name: str, cwd: Path) -> None:
    settings, servers = cwd / ".claude/settings.json", cwd / ".mcp.json"
    put_json(settings, _merge_hooks(_read(settings), hook_entries(paths, matcher=True)))
    document = _read(servers)
    entry = {
        "type": "http",
        "url": f"http://127.0.0.1:{PORT}/mcp",
        "headers": {"X-IAPeer-Identity": f"${{PEER_IDENTITY:-claude-{name}}}"},
    }
    document.setdefault("mcpServers", {})["iapeer-memory"] = entry
    put_json(servers, document)
    for skill in SKILLS:
        title = f"iapeer-memory-{skill}"
        put(cwd / f".claude/skills/{title}/SKILL.md", f"---\nname: {title}\ndescription: {skill}\n---\n\n# {skill}\n")


def _codex(core: StandIn, paths: Paths, cwd: Path) -> None:
    config, hooks = cwd / ".codex/config.toml", cwd / ".codex/hooks.json"
    foreign = config.read_text().rstrip("\n") if config.exists() else ""
    put(config, f"{foreign}\n\n{codex_block()}" if foreign else codex_block())
    put_json(hooks, _merge_hooks(_read(hooks), hook_entries(paths, matcher=False)))
    core.ok("trust-hooks", str(hooks.resolve()))


def _plugin(cwd: Path, runtime: str) -> None:
    if runtime == "claude":
        settings = cwd / ".claude/settings.json"
        put_json(settings, {**_read(settings), "enabledPlugins": {PLUGIN_ID: True}})


def _fragment(paths: Paths, vault: Path, cwd: Path) -> None:
    folder = cwd / ".iapeer/fragments"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    body = "\n".join((
        "<iapeer-memory-paths>", f"vault: {vault}", f"db: {paths.index_db}", f"config: {paths.config_file}",
        f"state: {paths.state_dir}", f"cache: {paths.cache_dir}", f"logs: {paths.logs_dir}", "</iapeer-memory-paths>",
    ))  # fmt: skip
    put(folder / "iapeer-memory.md", f"## iapeer-memory paths\n\n{body}\n")
