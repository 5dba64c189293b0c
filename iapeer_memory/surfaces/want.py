"""What a peer's surfaces should hold, as values: a pure function of the host's decisions and of the peer.

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

from iapeer_memory.broker.file_places import MANIFEST_DIR, SERVICE_DEF_DIR
from iapeer_memory.broker.switch import DISABLE
from iapeer_memory.domain.host import DEFAULT_PORT, Transport
from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.domain.peer import Peer

SERVER = PRODUCT
IDENTITY_HEADER = "X-IAPeer-Identity"
IDENTITY_VARIABLE = "PEER_IDENTITY"
BEARER_VARIABLE = "IAPEER_BEARER"
PASSED_ON = (
    "XDG_RUNTIME_DIR",
    "XDG_DATA_HOME",
    SERVICE_DEF_DIR,
    MANIFEST_DIR,
    DISABLE,
    "IAPEER_TEST_SANDBOX",
    "IAPEER_MEMORY_SUPPRESS_IAP_SEND",
)
"""What the bridge needs of a session's environment and Codex gives a server only where it is named: where a broker's
sockets and files lie and whether it may be used, and the sandbox, which is handed on to whatever is started."""
STARTUP_SECONDS = 60
"""How long Codex waits for a server: as long as the bridge for a memoryd that it has to start."""
APPROVED = {"default_tools_approval_mode": "approve"}
WRITE_TOOLS = "Write|Edit|MultiEdit|Bash"
SKILLS = tuple(f"{PRODUCT}-{name}" for name in ("init", "status", "migrate", "distill"))


@dataclass(frozen=True, slots=True)
class Want:
    """What was decided for this host, as far as surfaces depend on it. Paths are absolute.

    `command`: the stable command. `moved`: the variables that tell it where things are, where they are moved.
    """

    port: int = DEFAULT_PORT
    transport: Transport = "http"
    command: str = ""
    moved: tuple[tuple[str, str], ...] = ()
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
            server=claude_server(peer, settings),
            hooks=hook_entries(settings.hooks_dir, with_matcher=True),
            skills=SKILLS,
            allow=allow_rules(vault),
            roots=(vault,) if vault else (),
        )
    if harness == "codex":
        return Wanted(
            server=codex_server(peer, settings),
            hooks=hook_entries(settings.hooks_dir, with_matcher=False),
            roots=(settings.vault,) if settings.vault else (),
        )
    raise ValueError(f"no surfaces are known for the harness {harness!r}")


def url(port: int) -> str:
    """Where a harness finds memoryd."""
    return f"http://127.0.0.1:{port}/mcp"


def bridge(harness: str, settings: Want, project: str | None) -> dict[str, Any]:
    """How a harness starts the bridge. `project`: the peer's folder, by which memoryd knows it wherever below it the
    session was started; None: the folder of the session."""
    server: dict[str, Any] = {"command": settings.command, "args": ["mcp", "--harness", harness]}
    if project is not None:
        server["args"] += ["--project", project]
    if settings.moved:
        server["env"] = dict(settings.moved)
    return server


def claude_server(peer: Peer, settings: Want) -> dict[str, Any]:
    """Claude expands variables in headers, so the identity follows the session and falls back to the peer."""
    if settings.transport == "attach":
        return {"type": "stdio", **bridge("claude", settings, peer.cwd)}
    identity = "${" + IDENTITY_VARIABLE + f":-claude-{peer.personality}" + "}"
    return {"type": "http", "url": url(settings.port), "headers": {IDENTITY_HEADER: identity}}


def claude_local_server(settings: Want) -> dict[str, Any]:
    """The entry in Claude's local scope, which all peers of a repository share: it can name none of them."""
    if settings.transport == "attach":
        return {"type": "stdio", **bridge("claude", settings, None)}
    identity = "${" + IDENTITY_VARIABLE + ":-}"
    return {"type": "http", "url": url(settings.port), "headers": {IDENTITY_HEADER: identity}}


def codex_server(peer: Peer, settings: Want) -> dict[str, Any]:
    """With the core: names of variables that it exports. Without: a literal identity and no bearer variable,
    because Codex silently drops a server whose bearer variable is unset."""
    if settings.transport == "attach":
        return codex_bridge(settings, peer.cwd)
    server: dict[str, Any] = {"url": url(settings.port), **APPROVED}
    if settings.with_core:
        server["bearer_token_env_var"] = BEARER_VARIABLE
        server["env_http_headers"] = {IDENTITY_HEADER: IDENTITY_VARIABLE}
    else:
        server["http_headers"] = {IDENTITY_HEADER: f"codex-{peer.personality}"}
    return server


def codex_user_server(settings: Want) -> dict[str, Any]:
    """The entry in the user's own Codex config, where no peer can be named."""
    if settings.transport == "attach":
        return codex_bridge(settings, None)
    return {"url": url(settings.port), **APPROVED, "env_http_headers": {IDENTITY_HEADER: IDENTITY_VARIABLE}}


def codex_bridge(settings: Want, project: str | None) -> dict[str, Any]:
    """The bridge as Codex starts it."""
    named = {"env_vars": list(PASSED_ON), "startup_timeout_sec": STARTUP_SECONDS}
    return {**bridge("codex", settings, project), **named, **APPROVED}


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
