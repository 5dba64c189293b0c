"""The Messages and the Responses wire: what a request says, and a scripted answer as server-sent events. Pure.

Sources: the public descriptions of both APIs, as far as Claude Code and Codex use them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Wire = Literal["anthropic", "openai"]


@dataclass(frozen=True, slots=True)
class Say:
    """The model ends its turn with this text."""

    text: str
    before: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """The model calls a tool. `before` runs in the server, before the call is sent: the place for a restart.

    `namespace`: Codex groups MCP tools, `mcp__<server>`. `custom`: a free-form tool of Codex; `arguments` then
    holds the one key `input`.
    """

    tool: str
    arguments: Json
    namespace: str | None = None
    custom: bool = False
    before: Callable[[], None] | None = None


Step = Say | Use


@dataclass(frozen=True, slots=True)
class ToolResult:
    """One answer of a tool, as it reached the model."""

    call: str
    text: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of a session to the model. `texts` are (role, text), system or developer first."""

    wire: Wire
    path: str
    body: Json
    tools: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    results: tuple[ToolResult, ...]

    def text(self, *roles: str) -> str:
        """All text of these roles (all roles when none is named)."""
        return "\n".join(text for role, text in self.texts if not roles or role in roles)


def _flat(content: Any) -> str:
    """Text of a string, or of a list of blocks, of either API."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return "" if content is None else json.dumps(content)
    parts = [one if isinstance(one, str) else str(one.get("text") or one.get("refusal") or "") for one in content]
    return "\n".join(part for part in parts if part)


# the Messages wire (Claude Code)


def read_messages(path: str, body: Json) -> Seen:
    texts: list[tuple[str, str]] = [("system", _flat(body.get("system")))] if body.get("system") else []
    results: list[ToolResult] = []
    for message in body.get("messages", []):
        content = message.get("content")
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
            if block.get("type") == "tool_result":
                results.append(
                    ToolResult(block.get("tool_use_id", ""), _flat(block.get("content")), bool(block.get("is_error")))
                )
            elif block.get("type") == "text":
                texts.append((message["role"], block["text"]))
    tools = tuple(str(tool.get("name")) for tool in body.get("tools") or [])
    return Seen("anthropic", path, body, tools, tuple(texts), tuple(results))


def messages_events(step: Step, salt: int) -> list[Json]:
    """One answer as server-sent events: start, one content block, its end, the reason to stop."""
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    start: Json = {
        "id": f"msg_{salt:04d}", "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    block: Json
    delta: Json
    if isinstance(step, Say):
        block, delta, reason = {"type": "text", "text": ""}, {"type": "text_delta", "text": step.text}, "end_turn"
    else:
        block = {"type": "tool_use", "id": f"toolu_{salt:04d}", "name": step.tool, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(step.arguments)}
        reason = "tool_use"
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]


# the Responses wire (Codex)


def read_responses(path: str, body: Json) -> Seen:
    texts: list[tuple[str, str]] = [("system", body["instructions"])] if body.get("instructions") else []
    results: list[ToolResult] = []
    for item in body.get("input") or []:
        kind = item.get("type", "message")
        if kind == "message":
            texts.append((item.get("role", ""), _flat(item.get("content"))))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            output = item.get("output")
            success = output.get("success") if isinstance(output, dict) else None
            results.append(ToolResult(item.get("call_id", ""), _flat(output), success is False))
    return Seen("openai", path, body, tuple(_tool_names(body.get("tools") or [])), tuple(texts), tuple(results))


def _tool_names(tools: Sequence[Json]) -> list[str]:
    names: list[str] = []
    for tool in tools:
        inner = tool.get("tools")
        if isinstance(inner, list):
            names += [f"{tool.get('name')}.{name}" for name in _tool_names(inner)]
        else:
            names.append(str(tool.get("name") or tool.get("type")))
    return names


def responses_events(step: Step, salt: int) -> list[Json]:
    """One answer as server-sent events: created, one output item, completed with its usage."""
    item: Json
    if isinstance(step, Say):
        content = [{"type": "output_text", "text": step.text, "annotations": []}]
        item = {"type": "message", "role": "assistant", "id": f"msg_{salt:04d}", "content": content}
    elif step.custom:
        call = {"call_id": f"call_{salt:04d}", "name": step.tool, "input": step.arguments["input"]}
        item = {"type": "custom_tool_call", **call}
    else:
        call = {"call_id": f"call_{salt:04d}", "name": step.tool, "arguments": json.dumps(step.arguments)}
        item = {"type": "function_call", **call} | ({"namespace": step.namespace} if step.namespace else {})
    usage = {
        "input_tokens": 10, "input_tokens_details": None, "output_tokens": 5, "output_tokens_details": None,
        "total_tokens": 15,
    }  # fmt: skip
    name = f"resp_{salt:04d}"
    return [
        {"type": "response.created", "response": {"id": name}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": name, "usage": usage}},
    ]
