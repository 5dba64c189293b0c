"""A scripted model at loopback: the Messages and the Responses wire, answered from a list of steps.

Never thinks: the number of tool results in a request says which step is next, so a harness that repeats a request
gets the same answer. Every request is kept: what the model saw is what a test asserts.
Sources: the public descriptions of both APIs' server-sent events, as far as Claude Code and Codex use them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
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


@dataclass(slots=True)
class Model:
    """Use as a context manager; `url` is the base for either harness.

    Requests without tools (titles, summaries) are side talk: they are answered "ok" and kept in `aside`.
    """

    steps: Sequence[Step]
    seen: list[Seen] = field(default_factory=list)
    aside: list[Seen] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _begun: set[int] = field(default_factory=set)

    def __enter__(self) -> Model:
        model = self

        class Handler(_Handler):
            owner = model

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """Every tool result of the session, in the order of the calls: those of its longest request."""
        with self._mutex:
            return max((one.results for one in self.seen), key=len, default=())

    @property
    def tools(self) -> tuple[str, ...]:
        """Every tool that any request offered, sorted. Codex: `namespace.tool` for grouped ones."""
        with self._mutex:
            return tuple(sorted({name for one in self.seen for name in one.tools}))

    def text(self, *roles: str) -> str:
        """All that the session ever said to the model under these roles, each message once."""
        with self._mutex:
            kept = {pair: None for one in self.seen for pair in one.texts if not roles or pair[0] in roles}
        return "\n".join(text for _, text in kept)

    def note(self, seen: Seen) -> Step:
        """Keep the request, run the step's `before` once, and say what to answer."""
        with self._mutex:
            if not seen.tools:
                self.aside.append(seen)
                return Say("ok")
            self.seen.append(seen)
            number = len(seen.results)
            step: Step = self.steps[number] if number < len(self.steps) else Say("done")
            first = number not in self._begun
            self._begun.add(number)
        if first and step.before is not None:
            step.before()
        return step


class _Handler(BaseHTTPRequestHandler):
    owner: Model
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the model's own log is `seen`."""

    def do_HEAD(self) -> None:
        self._plain(b"")

    def do_GET(self) -> None:
        self.owner.other.append(f"GET {self.path}")
        self._plain(b'{"data":[],"models":[]}')

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0]
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if path.endswith("/count_tokens"):
            self._plain(b'{"input_tokens":10}')
        elif isinstance(body, dict) and path.endswith("/messages"):
            self._events(messages_events(self.owner.note(read_messages(path, body)), _count(body)))
        elif isinstance(body, dict) and path.endswith("/responses"):
            self._events(responses_events(self.owner.note(read_responses(path, body)), _count(body)))
        else:
            self.owner.other.append(f"POST {self.path}")
            self._plain(b"{}")

    def _plain(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self, events: Sequence[Json]) -> None:
        data = b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _count(body: Json) -> int:
    items = body.get("messages") or body.get("input") or []
    return len(items)


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
