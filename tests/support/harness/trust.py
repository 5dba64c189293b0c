"""How Codex names and hashes a hook, worked out apart from the product: an oracle for its tests.

Source: the ecosystem core's `trust-hooks`, checked here against `hooks/list` of the pinned Codex.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

Json = dict[str, Any]
WITHOUT_MATCHER = ("UserPromptSubmit", "Stop")
"""Events whose matcher Codex throws away before it hashes."""
WITH_CONTEXT = ("PreToolUse", "PostToolUse", "SessionStart", "UserPromptSubmit", "SubagentStart")
"""Events whose `additionalContextLimit` counts; the others cannot give context, and lose the field."""


def snake(event: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in event).lstrip("_")


def hook_key(path: str, event: str, group: int, index: int) -> str:
    """`path` as Codex spells it: its working folder, then `.codex/hooks.json`; a link there is not resolved."""
    return f"{path}:{snake(event)}:{group}:{index}"


def hook_hash(event: str, group: Json, hook: Json) -> str:
    """`sha256:<hex>` over compact JSON with sorted keys. Every field that Codex knows is in it, defaults filled in."""
    first = 1 if event == "SessionEnd" else 600
    timeout = max(1, hook.get("timeout", first))
    handler: Json = {
        "type": "command",
        "command": hook["command"],
        "timeout": min(3, timeout) if event == "SessionEnd" else timeout,
        "async": bool(hook.get("async", False)),
    }
    if hook.get("statusMessage") is not None:
        handler["statusMessage"] = hook["statusMessage"]
    if hook.get("additionalContextLimit") is not None and event in WITH_CONTEXT:
        handler["additionalContextLimit"] = hook["additionalContextLimit"]
    document: Json = {"event_name": snake(event), "hooks": [handler]}
    if group.get("matcher") is not None and event not in WITHOUT_MATCHER:
        document["matcher"] = group["matcher"]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
