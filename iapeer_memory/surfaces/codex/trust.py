"""Codex's trust of hooks: the key and hash of each hook, who is trusted, and what trusting would arm. Pure.

Source: the ecosystem core's `trust-hooks`; key and hash checked against `hooks/list` of codex-cli 0.169.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from iapeer_memory.surfaces.codex.userconfig import UserConfig
from iapeer_memory.surfaces.hookfile import is_our_command

EVENTS = frozenset(
    (
        "PreToolUse", "PermissionRequest", "PostToolUse", "PreCompact", "PostCompact", "SessionStart", "SessionEnd",
        "UserPromptSubmit", "SubagentStart", "SubagentStop", "Stop",
    )
)  # fmt: skip
WITHOUT_MATCHER = frozenset(("UserPromptSubmit", "Stop"))
WITH_CONTEXT = frozenset(("PreToolUse", "PostToolUse", "SessionStart", "UserPromptSubmit", "SubagentStart"))
"""Events that can give context: for the others Codex throws the limit of it away before it hashes."""
DEFAULT_TIMEOUT = 600
AT_THE_END = ("SessionEnd", 1, 3)
"""An event with limits of its own: its default and its longest timeout, in seconds."""
KINDS = frozenset(("command", "prompt", "agent"))
"""Handler types that every supported Codex can parse; another one makes it drop the whole file."""
Trust = Literal["trusted", "modified", "untrusted", "disabled"]


@dataclass(frozen=True, slots=True)
class Hook:
    """One command hook of a hooks file. `key`: what follows the file's path in the key by which Codex knows it."""

    event: str
    command: str
    key: str
    hash: str
    ours: bool


def snake(event: str) -> str:
    """`PostToolUse` → `post_tool_use`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


def hook_hash(event: str, matcher: str | None, hook: Mapping[str, Any]) -> str:
    """`sha256:<hex>` over the hook in its normal form: compact JSON with sorted keys."""
    handler: dict[str, Any] = {
        "type": "command",
        "command": hook.get("command"),
        "timeout": seconds(event, hook.get("timeout")),
        "async": hook.get("async") is True,
    }
    if isinstance(hook.get("statusMessage"), str):
        handler["statusMessage"] = hook["statusMessage"]
    if event in WITH_CONTEXT and hook.get("additionalContextLimit") is not None:
        handler["additionalContextLimit"] = hook["additionalContextLimit"]
    identity: dict[str, Any] = {"event_name": snake(event), "hooks": [handler]}
    if matcher is not None and event not in WITHOUT_MATCHER:
        identity["matcher"] = matcher
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def seconds(event: str, asked: object) -> int:
    """How long Codex lets a hook run."""
    ends, default, longest = AT_THE_END
    known = max(1, asked) if isinstance(asked, int) else default if event == ends else DEFAULT_TIMEOUT
    return min(known, longest) if event == ends else known


def command_hooks(doc: object, hooks_dir: str) -> Iterator[Hook]:
    """Every command hook that Codex would run, in file order."""
    events = doc.get("hooks") if isinstance(doc, dict) else None
    for event, entries in (events if isinstance(events, dict) else {}).items():
        if event not in EVENTS or not isinstance(entries, list):
            continue
        for group, entry in enumerate(entries):
            hooks = entry.get("hooks") if isinstance(entry, dict) else None
            matcher = entry.get("matcher") if isinstance(entry, dict) else None
            for index, hook in enumerate(hooks if isinstance(hooks, list) else ()):
                command = hook.get("command") if isinstance(hook, dict) and hook.get("type") == "command" else None
                if not isinstance(command, str) or not command.strip():
                    continue
                yield Hook(
                    event,
                    command,
                    f":{snake(event)}:{group}:{index}",
                    hook_hash(event, matcher if isinstance(matcher, str) else None, hook),
                    is_our_command(command, hooks_dir),
                )


def trust_of(hook: Hook, source: str, user: UserConfig) -> Trust:
    """What the user's configuration says of the hook of that file (`source`: absolute, without links)."""
    key = source + hook.key
    known = user.hashes.get(key)
    if known is None:
        return "untrusted"
    if known != hook.hash:
        return "modified"
    return "disabled" if key in user.disabled else "trusted"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the hooks of one file stand. `blocked`: commands of foreign hooks that trusting the file would arm."""

    untrusted: tuple[Hook, ...]
    modified: tuple[Hook, ...]
    disabled: tuple[Hook, ...]
    blocked: tuple[str, ...]

    @property
    def open(self) -> tuple[Hook, ...]:
        """Ours that do not run for want of trust."""
        return self.untrusted + self.modified


def standing(hooks: Sequence[Hook], sources: Sequence[str], user: UserConfig) -> Standing:
    """Sort the hooks of a file by their trust, which counts when every spelling of the file's path has it."""
    mine: dict[Trust, list[Hook]] = {"trusted": [], "modified": [], "untrusted": [], "disabled": []}
    blocked: list[str] = []
    for hook in hooks:
        said = [trust_of(hook, source, user) for source in sources]
        trust: Trust = next((word for word in said if word != "trusted"), "trusted")
        if hook.ours:
            mine[trust].append(hook)
        elif trust in ("untrusted", "modified"):
            blocked.append(hook.command)
    return Standing(tuple(mine["untrusted"]), tuple(mine["modified"]), tuple(mine["disabled"]), tuple(blocked))


def describe(state: Standing) -> str:
    """What is wrong with our hooks' trust, in words."""
    parts = []
    if state.untrusted:
        parts.append(f"untrusted: {', '.join(hook.event for hook in state.untrusted)}")
    if state.modified:
        parts.append(f"modified since it was trusted: {', '.join(hook.event for hook in state.modified)}")
    return "; ".join(parts)
