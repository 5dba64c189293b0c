"""What the core writes into harness configurations: native memory, folder trust, hook trust, its own MCP entry."""

from __future__ import annotations

import json
import os
import re
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.standin_core.state import Refusal, say, warn, write_json, write_text

EVENTS = (
    "PreToolUse", "PermissionRequest", "PostToolUse", "PreCompact", "PostCompact", "SessionStart", "UserPromptSubmit",
    "SubagentStart", "SubagentStop", "Stop",
)  # fmt: skip


def codex_config() -> Path:
    """Codex's user configuration; only ever where CODEX_HOME says."""
    home = os.environ.get("CODEX_HOME")
    if not home:
        raise Refusal("iapeer (stand-in): refuses to touch Codex's configuration without CODEX_HOME")
    return Path(home) / "config.toml"


def native_memory(cwd: Path, runtime: str, *, off: bool) -> tuple[str, str]:
    """Throw the lever of one harness: (written|already|failed, detail)."""
    return _native_claude(cwd, off) if runtime == "claude" else _native_codex(cwd, off)


def _native_claude(cwd: Path, off: bool) -> tuple[str, str]:
    path = cwd / ".claude/settings.json"
    try:
        settings = json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        return "failed", "settings.json is not JSON"
    if not isinstance(settings, dict):
        return "failed", "settings.json is not an object"
    if off:
        if settings.get("autoMemoryEnabled") is False:
            return "already", ""
        settings["autoMemoryEnabled"] = False
    elif "autoMemoryEnabled" not in settings:
        return "already", ""
    else:
        del settings["autoMemoryEnabled"]
    write_json(path, settings, 0o600)
    return "written", ""


def _native_codex(cwd: Path, off: bool) -> tuple[str, str]:
    path = cwd / ".codex/config.toml"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    start = next((i for i, line in enumerate(lines) if line.strip() == "[features]"), None)
    at = None
    if start is not None:
        for i in range(start + 1, len(lines)):
            if lines[i].lstrip().startswith("["):
                break
            if re.match(r"\s*memories\s*=", lines[i]):
                at = i
    if not off:
        if at is None:
            return "already", ""
        del lines[at]
    elif at is not None:
        if re.fullmatch(r"\s*memories\s*=\s*false\s*", lines[at]):
            return "already", ""
        lines[at] = "memories = false\n"
    elif start is not None:
        lines.insert(start + 1, "memories = false\n")
    else:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines += (["\n"] if lines else []) + ["[features]\n", "memories = false\n"]
    write_text(path, "".join(lines), 0o600)
    return "written", ""


def trust_folder(cwd: Path) -> None:
    """Codex's trust in a folder, by its real path."""
    path = codex_config()
    real = str(cwd.resolve())
    text = path.read_text() if path.exists() else ""
    if real not in tomllib.loads(text).get("projects", {}):
        header = f"projects.{json.dumps(real, ensure_ascii=False)}"
        write_text(path, _with_table(text, header, "trust_level", "trusted"), 0o600)


def forget_folder(cwd: Path) -> int:
    """Drop the folder's trust and all hook trust under it; how many tables went."""
    path = codex_config()
    if not path.exists():
        return 0
    real = str(cwd.resolve())
    kept: list[str] = []
    gone, dropping = 0, False
    for line in path.read_text().splitlines(keepends=True):
        if line.lstrip().startswith("["):
            header = line.strip()
            prefix = json.dumps(real, ensure_ascii=False)[:-1]
            dropping = header in (f'[projects.{prefix}"]',) or header.startswith(f"[hooks.state.{prefix}/")
            gone += dropping
        if not dropping:
            kept.append(line)
    if gone:
        write_text(path, "".join(kept), 0o600)
    return gone


def hook_hashes(path: Path) -> list[tuple[str, str, str]]:
    """(event, key, hash) of every command hook that Codex would ask about. Raises Refusal."""
    try:
        document = json.loads(path.read_text())
        events = document.get("hooks", {})
        found = []
        for event, groups in events.items():
            if event not in EVENTS:
                raise Refusal(f"trust-hooks: unknown hook event {event}")
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
            for group_index, group in enumerate(groups):
                for hook_index, hook in enumerate(group.get("hooks", [])):
                    command = hook.get("command")
                    if hook.get("type") != "command" or hook.get("async") is True or not command:
                        continue
                    key = f"{path}:{snake}:{group_index}:{hook_index}"
                    found.append((event, key, _hash(snake, group, hook)))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise Refusal(f"trust-hooks: {path}: {error}") from None
    return found


def _hash(snake: str, group: dict[str, Any], hook: dict[str, Any]) -> str:
    handler: dict[str, Any] = {
        "type": "command", "command": hook["command"], "timeout": max(1, int(hook.get("timeout", 600))), "async": False,
    }  # fmt: skip
    if "statusMessage" in hook:
        handler["statusMessage"] = hook["statusMessage"]
    identity: dict[str, Any] = {"event_name": snake, "hooks": [handler]}
    if "matcher" in group and snake not in ("user_prompt_submit", "stop"):
        identity["matcher"] = group["matcher"]
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def trust_hooks(given: str, *, check: bool) -> int:
    """The verb: record or check the trust of one hooks file."""
    path = Path(given).resolve()
    hooks = hook_hashes(path)
    config = codex_config()
    text = config.read_text() if config.exists() else ""
    state = tomllib.loads(text).get("hooks", {}).get("state", {})
    known = {key: entry.get("trusted_hash", "") for key, entry in state.items()}
    if check:
        if not hooks:
            say("no command hooks found — nothing to check")
        for event, key, want in hooks:
            have = known.get(key)
            word = "trusted" if have == want else "missing" if not have else "drift"
            say(f"{word}\t{event}\t{key}" + (f" (state: {have} ≠ expected: {want})" if word == "drift" else ""))
        return 0 if all(known.get(key) == want for _, key, want in hooks) else 1
    missing = [(key, want) for _, key, want in hooks if known.get(key) != want]
    if not missing:
        say(f"already trusted: {len(hooks)} hook(s) from {path}")
        return 0
    for key, want in missing:
        text = _with_table(text, f"hooks.state.{json.dumps(key, ensure_ascii=False)}", "trusted_hash", want)
    write_text(config, text, 0o600)
    say(f"trusted {len(hooks)} hook(s) from {path} → {config}")
    return 0


def _with_table(text: str, header: str, key: str, value: str) -> str:
    """The TOML with one table of one key, replaced where it stands and appended where it does not."""
    lines = text.splitlines(keepends=True)
    block = [f"[{header}]\n", f"{key} = {json.dumps(value)}\n"]
    at = next((i for i, line in enumerate(lines) if line.strip() == f"[{header}]"), None)
    if at is None:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        return "".join(lines + (["\n"] if lines else []) + block)
    end = next((i for i in range(at + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
    return "".join(lines[:at] + block + lines[end:])


def mcp_entries(cwd: Path, name: str, runtime: str) -> str:
    """The core's own server for one harness; gives the path written. A broken `.mcp.json` is set aside, as in life."""
    if runtime == "codex":
        path = codex_config()
        text = path.read_text() if path.exists() else ""
        if "iapeer" not in tomllib.loads(text).get("mcp_servers", {}):
            write_text(path, _with_table(text, "mcp_servers.iapeer", "url", "http://127.0.0.1:8765/mcp"), 0o600)
        return str(path)
    path = cwd / ".mcp.json"
    try:
        document = json.loads(path.read_text()) if path.exists() else {}
        servers = document.setdefault("mcpServers", {})
        servers["iapeer"] = {
            "type": "http",
            "url": "http://127.0.0.1:8765/mcp",
            "headers": {"X-IAPeer-Identity": f"${{PEER_IDENTITY:-claude-{name}}}"},
        }
    except (ValueError, AttributeError, TypeError):
        warn(f"warn: {path} was malformed; copied to .mcp.json.corrupt.bak and replaced")
        path.with_name(".mcp.json.corrupt.bak").write_bytes(path.read_bytes())
        path.unlink()
        return mcp_entries(cwd, name, runtime)
    write_json(path, document, 0o644)
    return str(path)
