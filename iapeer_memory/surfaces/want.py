"""What a peer's surfaces should hold, as values: a pure function of port, transport and identity.

Never looks at a disk and never holds a secret: the bearer variable is only named.
Source of the formats: the reference package's `.mcp.json`, hooks, and codex config chapters; the identity rule is
the ecosystem core's (`<runtime>-<personality>`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from os.path import join
from types import MappingProxyType
from typing import Any

from iapeer_memory.domain.host import DEFAULT_PORT, Transport
from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.domain.peer import Peer

SERVER = PRODUCT
IDENTITY_HEADER = "X-IAPeer-Identity"
IDENTITY_VARIABLE = "PEER_IDENTITY"
BEARER_VARIABLE = "IAPEER_BEARER"
WRITE_TOOLS = "Write|Edit|MultiEdit|Bash"
SKILLS = tuple(f"{PRODUCT}-{name}" for name in ("init", "status", "migrate", "distill"))


@dataclass(frozen=True, slots=True)
class Want:
    """What was decided for this host, as far as surfaces depend on it. Paths are absolute."""

    port: int = DEFAULT_PORT
    transport: Transport = "http"
    with_core: bool = False
    hooks_dir: str = ""
    allow: bool = False
    vault: str | None = None
    grant_trust: bool = False
    codex_home: str = ""
    claude_json: str = ""
    claude_home: str = ""
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The exact values for one peer and harness.

    `server`: the value of `mcpServers["iapeer-memory"]` or of the table `[mcp_servers.iapeer-memory]`.
    `hooks`: event → our one entry. `allow`: lines for `permissions.allow`. `roots`: folders outside the peer's that
    Codex may write to and that Claude may list in a shell.
    """

    server: Mapping[str, Any]
    hooks: Mapping[str, Mapping[str, Any]]
    skills: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


def want(peer: Peer, harness: str, settings: Want) -> Wanted:
    """The values for `harness` ("claude" or "codex"). Raises ValueError for another one."""
    if harness == "claude":
        vault = settings.vault
        return Wanted(
            server=claude_server(peer.personality, settings.port),
            hooks=hook_entries(settings.hooks_dir, with_matcher=True),
            skills=SKILLS,
            allow=allow_rules(vault),
            roots=(vault,) if vault else (),
        )
    if harness == "codex":
        return Wanted(
            server=codex_server(peer.personality, settings),
            hooks=hook_entries(settings.hooks_dir, with_matcher=False),
            roots=(settings.vault,) if settings.vault else (),
        )
    raise ValueError(f"no surfaces are known for the harness {harness!r}")


def url(port: int) -> str:
    """Where a harness finds memoryd."""
    return f"http://127.0.0.1:{port}/mcp"


def claude_server(personality: str, port: int) -> dict[str, Any]:
    """Claude expands variables in headers, so the identity follows the session and falls back to the peer."""
    identity = "${" + IDENTITY_VARIABLE + f":-claude-{personality}" + "}"
    return {"type": "http", "url": url(port), "headers": {IDENTITY_HEADER: identity}}


def claude_local_server(port: int) -> dict[str, Any]:
    """The entry in Claude's local scope, which all peers of a repository share: it can name none of them."""
    identity = "${" + IDENTITY_VARIABLE + ":-}"
    return {"type": "http", "url": url(port), "headers": {IDENTITY_HEADER: identity}}


def codex_server(personality: str, settings: Want) -> dict[str, Any]:
    """With the core: names of variables that it exports. Without: a literal identity and no bearer variable,
    because Codex silently drops a server whose bearer variable is unset."""
    server: dict[str, Any] = {"url": url(settings.port), "default_tools_approval_mode": "approve"}
    if settings.with_core:
        server["bearer_token_env_var"] = BEARER_VARIABLE
        server["env_http_headers"] = {IDENTITY_HEADER: IDENTITY_VARIABLE}
    else:
        server["http_headers"] = {IDENTITY_HEADER: f"codex-{personality}"}
    return server


def codex_user_server(port: int) -> dict[str, Any]:
    """The entry in the user's own Codex config, where no peer can be named."""
    return {
        "url": url(port),
        "default_tools_approval_mode": "approve",
        "env_http_headers": {IDENTITY_HEADER: IDENTITY_VARIABLE},
    }


@lru_cache(maxsize=8)
def hook_entries(hooks_dir: str, *, with_matcher: bool) -> Mapping[str, Mapping[str, Any]]:
    """Our entry for each event. Treat as frozen. Codex has no matcher: the shim's command filters by tool name."""

    def entry(shim: str) -> dict[str, Any]:
        return {"hooks": [{"type": "command", "command": shell_command(join(hooks_dir, shim))}]}

    written = entry(f"{PRODUCT}.post-write.sh")
    if with_matcher:
        written = {"matcher": WRITE_TOOLS, **written}
    return MappingProxyType({"PostToolUse": written, "SessionStart": entry(f"{PRODUCT}.session-start.sh")})


def shell_command(path: str) -> str:
    """The path as a shell word: plain ones stay bare, so that they equal what the reference package writes."""
    return shlex.quote(path)


@lru_cache(maxsize=8)
def allow_rules(vault: str | None) -> tuple[str, ...]:
    """Rules of `permissions.allow`: every tool of our server, and editing the vault (`//` means an absolute path)."""
    if vault is None:
        return (f"mcp__{SERVER}",)
    escaped = "".join("\\" + c if c in "\\*?[]" else c for c in vault.rstrip("/"))
    return (f"mcp__{SERVER}", f"Edit(/{escaped}/**)")
