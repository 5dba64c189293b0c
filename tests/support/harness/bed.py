"""A throw-away host for the real harnesses: a home, one peer, a vault, recording hooks, files in the contract's shape.

Everything is under one folder. What is written here by hand is what the product writes; a story that runs the
product replaces the `wire_*` calls by its command and keeps the rest.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass
from typing import Any

from tests.support.harness import recorder
from tests.support.harness.claude import Claude, trust_folder
from tests.support.harness.codex import Codex, Hook
from tests.support.harness.npm import Harnesses

Json = dict[str, Any]
SERVER = "iapeer-memory"


@dataclass(frozen=True, slots=True)
class Fired:
    """One run of a recording hook."""

    event: str
    payload: Json
    cwd: str
    env: Json


@dataclass(frozen=True, slots=True)
class Bed:
    """Absolute paths of a host that nobody else uses."""

    root: str
    home: str
    peer: str
    vault: str
    hooks: str
    log: str

    @classmethod
    def make(cls, root: str, *, peer: str = "peer") -> Bed:
        root = os.path.realpath(root)
        bed = cls(root, *(os.path.join(root, name) for name in ("home", peer, "vault", "hooks", "fired")))
        for folder in (bed.home, bed.peer, bed.vault, bed.hooks, bed.log):
            os.makedirs(folder)
        return bed

    # hooks

    def shim(self, event: str, *, text: str = "", stamp: bool = False, fail: int = 0) -> str:
        """A shim with the product's name that runs the recorder. `fail`: its exit code instead of 0."""
        path = os.path.join(self.hooks, f"{SERVER}.{event}.sh")
        words = [sys.executable, "-I", "-S", recorder.__file__, self.log, event, text, "yes" if stamp else "no"]
        self.put(path, f"#!/bin/sh\n{shlex.join(words)}\nexit {fail}\n")
        os.chmod(path, 0o755)
        return path

    def fired(self, event: str) -> list[Fired]:
        """Every run of this shim, in order."""
        names = sorted(name for name in os.listdir(self.log) if name.endswith(f"-{event}.json"))
        found = []
        for name in names:
            with open(os.path.join(self.log, name), encoding="utf-8") as stream:
                record = json.load(stream)
            found.append(Fired(record["event"], record["payload"], record["cwd"], record["env"]))
        return found

    # Claude Code

    def claude(self, harnesses: Harnesses) -> Claude:
        return Claude(harnesses, self.home)

    def wire_claude(self, port: int, *, start: str = "", stamp: bool = False, identity: str = "claude-alpha") -> None:
        """`.mcp.json` and the hooks in `.claude/settings.json`, as the product writes them with the core."""
        self.put_json(os.path.join(self.peer, ".mcp.json"), {"mcpServers": {SERVER: claude_server(port, identity)}})
        hooks = claude_hooks(self.shim("post-write", stamp=stamp), self.shim("session-start", text=start))
        self.put_json(os.path.join(self.peer, ".claude", "settings.json"), {"hooks": hooks})

    def approve_claude(self) -> None:
        """The folder is trusted and its servers are approved: what the user answered once."""
        trust_folder(self.home, self.peer)
        self.put_json(os.path.join(self.home, ".claude", "settings.json"), {"enableAllProjectMcpServers": True})

    def allow_claude(self) -> None:
        """The one yes of `init --allow`: the memory's tools and the vault, in the peer's settings."""
        path = os.path.join(self.peer, ".claude", "settings.json")
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
        document["permissions"] = {"allow": [f"mcp__{SERVER}", f"Edit(/{self.vault}/**)"]}
        self.put_json(path, document)

    # Codex

    def codex(self, harnesses: Harnesses) -> Codex:
        return Codex(harnesses, self.home)

    def wire_codex(self, port: int, *, start: str = "", bearer: bool = False, identity: str = "codex-alpha") -> None:
        """`.codex/config.toml` and `.codex/hooks.json`; `bearer`: the core's form, else the literal header."""
        self.put(os.path.join(self.peer, ".codex", "config.toml"), codex_server(port, identity, bearer=bearer))
        hooks = codex_hooks(self.shim("post-write"), self.shim("session-start", text=start))
        self.put_json(os.path.join(self.peer, ".codex", "hooks.json"), {"hooks": hooks})

    def trust_codex(self) -> None:
        """The folder is trusted in the user's own settings."""
        self.codex_user(f'[projects.{toml_text(self.peer)}]\ntrust_level = "trusted"\n')

    def trust_hooks(self, *hooks: Hook) -> None:
        """Grant these hooks, by the hash that Codex itself reports."""
        for hook in hooks:
            self.codex_user(f'[hooks.state.{toml_text(hook.key)}]\ntrusted_hash = "{hook.hash}"\n')

    def allow_codex(self) -> None:
        """The one yes of `init --allow`: the vault is writable in the workspace-write sandbox."""
        self.codex_user(f"[sandbox_workspace_write]\nwritable_roots = [{toml_text(self.vault)}]\n")

    def codex_user(self, text: str) -> None:
        """Append to the user's `config.toml`."""
        path = os.path.join(self.home, ".codex", "config.toml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    # files

    def put(self, path: str, text: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)

    def put_json(self, path: str, document: Json) -> None:
        self.put(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def note(self, name: str) -> str:
        """The absolute path of a note in the vault."""
        return os.path.join(self.vault, name)

    def read(self, path: str) -> str:
        with open(path, encoding="utf-8") as stream:
            return stream.read()


def claude_server(port: int, identity: str) -> Json:
    return {
        "type": "http",
        "url": f"http://127.0.0.1:{port}/mcp",
        "headers": {"X-IAPeer-Identity": "${PEER_IDENTITY:-" + identity + "}"},
    }


def claude_hooks(post_write: str, session_start: str) -> Json:
    return {
        "PostToolUse": [
            {"matcher": "Write|Edit|MultiEdit|Bash", "hooks": [{"type": "command", "command": post_write}]}
        ],
        "SessionStart": [{"hooks": [{"type": "command", "command": session_start}]}],
    }


def codex_hooks(post_write: str, session_start: str) -> Json:
    return {
        "PostToolUse": [{"hooks": [{"type": "command", "command": post_write}]}],
        "SessionStart": [{"hooks": [{"type": "command", "command": session_start}]}],
    }


def codex_server(port: int, identity: str, *, bearer: bool) -> str:
    lines = [
        f"[mcp_servers.{SERVER}]",
        f'url = "http://127.0.0.1:{port}/mcp"',
        'default_tools_approval_mode = "approve"',
    ]
    if bearer:
        lines += ['bearer_token_env_var = "IAPEER_BEARER"', "", f"[mcp_servers.{SERVER}.env_http_headers]"]
        lines += ['"X-IAPeer-Identity" = "PEER_IDENTITY"']
    else:
        lines += ["", f"[mcp_servers.{SERVER}.http_headers]", f'"X-IAPeer-Identity" = "{identity}"']
    return "\n".join(lines) + "\n"


def toml_text(text: str) -> str:
    """A basic TOML string; JSON's escapes are a subset of TOML's, bar the ones for surrogates."""
    return json.dumps(text, ensure_ascii=False)
