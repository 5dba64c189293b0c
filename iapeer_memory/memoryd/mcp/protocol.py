"""MCP without I/O: one POST's head and body in, the answer out, or the tool calls to perform first.

Speaks the revisions that begin with a handshake and the one whose requests each stand alone; the header
`MCP-Protocol-Version` says which. Keeps nothing between two requests, opens no stream, puts no questions of its own:
so there is nothing to cancel, and notifications are taken and dropped. Source: the MCP specification, revisions
2024-11-05 to 2026-07-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from iapeer_memory.memoryd.mcp import envelope, jsonrpc
from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.mcp.jsonrpc import Fault, Id, Request, Unanswered
from iapeer_memory.memoryd.mcp.listing import HANDSHAKE, Server
from iapeer_memory.memoryd.tools.compact import compact
from iapeer_memory.memoryd.tools.tool import Outcome, Tool

LARGEST_BODY = 1 << 20
BATCHED = HANDSHAKE[:2]
"""Revisions in which a body may hold several messages; they know no version header."""
LARGEST_BATCH = 50


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: JSON, or nothing."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A tool to be called for the request `id`. `prefix`: what its result begins with."""

    id: Id
    tool: str
    arguments: Mapping[str, Any]
    prefix: str = "{"


Part: TypeAlias = str | Call
"""An answer, or what must be done for it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that waits for `calls`. `batch`: its parts go back as a list."""

    parts: tuple[Part, ...]
    batch: bool

    @property
    def calls(self) -> tuple[Call, ...]:
        """What to perform, in order."""
        return tuple(part for part in self.parts if isinstance(part, Call))

    def answer(self, outcomes: Sequence[Outcome | None]) -> Reply:
        """The reply, with the outcome of each call; None where something broke on our side."""
        left = iter(outcomes)
        texts = [part if isinstance(part, str) else _called(part, next(left)) for part in self.parts]
        return Reply(200, ("[" + ",".join(texts) + "]" if self.batch else texts[0]).encode())


class Protocol:
    """The server's side of the protocol, for one set of tools."""

    def __init__(self, server: Server, tools: Sequence[Tool]) -> None:
        self._server = server
        self._discovered = server.discovered()
        self._listed = server.listed(tools)
        self._listed_in_envelope = server.listed_in_envelope(tools)
        self._prefix = compact(server.stamp())[:-1] + ","

    def receive(self, head: Head, body: bytes, instructions: str = "") -> Reply | Pending:
        """Answer a POST, or say what must be called first. Never raises, whatever the bytes. `instructions`: for a
        session that has its own."""
        if not head.json_body:
            return refusal(415, "the body's Content-Type must be application/json")
        if not head.json_answer:
            return refusal(406, "answers are application/json; Accept does not allow it")
        if len(body) > LARGEST_BODY:
            return too_large()
        value = jsonrpc.parsed(body)
        if isinstance(value, Fault):
            return _fault(400, value)
        if head.versions and any(version not in HANDSHAKE for version in head.versions):
            return self._alone(head, value)
        if isinstance(value, list):
            return self._batch(head, value)
        part = self._part(jsonrpc.message(value), instructions)
        if isinstance(part, Fault):
            return _fault(400, part)
        if part is None:
            return Reply(202, b"")
        return Pending((part,), batch=False) if isinstance(part, Call) else Reply(200, part.encode())

    def _batch(self, head: Head, values: list[Any]) -> Reply | Pending:
        """Several messages in one body, where the revision knows that."""
        if any(version not in BATCHED for version in head.versions):
            return refusal(400, "this revision takes one message a request")
        if not 0 < len(values) <= LARGEST_BATCH:
            return refusal(400, f"a batch holds 1 to {LARGEST_BATCH} messages")
        parts: list[Part] = []
        for value in values:
            said = jsonrpc.message(value)
            if isinstance(said, Request) and said.method == "initialize":
                said = Fault(jsonrpc.INVALID_REQUEST, "initialize stands alone, never in a batch", said.id)
            part = self._part(said)
            if part is not None:
                parts.append(jsonrpc.error(part) if isinstance(part, Fault) else part)
        if not parts:
            return Reply(202, b"")
        pending = Pending(tuple(parts), batch=True)
        return pending if pending.calls else pending.answer(())

    def _part(self, said: Request | Unanswered | Fault, instructions: str = "") -> Part | Fault | None:
        """The answer to one message of a revision with a handshake. A Fault: it was no request that we can read."""
        if isinstance(said, Unanswered):
            return None
        if isinstance(said, Fault):
            return jsonrpc.error(said) if said.code == jsonrpc.INVALID_PARAMS else said
        if said.method == "initialize":
            asked = said.params.get("protocolVersion")
            if not isinstance(asked, str):
                return jsonrpc.error(Fault(jsonrpc.INVALID_PARAMS, "protocolVersion must be a text", said.id))
            return jsonrpc.result(said.id, self._server.hello(asked, instructions))
        if said.method == "ping":
            return jsonrpc.result(said.id, "{}")
        done = self._tools(said, self._listed, "{")
        return jsonrpc.error(done) if isinstance(done, Fault) else done

    def _alone(self, head: Head, value: Any) -> Reply | Pending:
        """A request of the revision without a handshake, or of one that we do not know."""
        said = jsonrpc.message(value)
        if isinstance(said, Unanswered) and said.notification:
            unserved = envelope.unserved(head)
            return Reply(202, b"") if unserved is None else _fault(400, unserved)
        if isinstance(said, Unanswered):
            return refusal(400, "a body holds one request or notification")
        if isinstance(said, Fault):
            return _fault(400, said)
        wrong = envelope.fault(head, said)
        if wrong is not None:
            return _fault(400, wrong)
        if said.method == "server/discover":
            return Reply(200, jsonrpc.result(said.id, self._discovered).encode())
        done = self._tools(said, self._listed_in_envelope, self._prefix)
        if isinstance(done, Fault):
            return _fault(404 if done.code == jsonrpc.METHOD_NOT_FOUND else 400, done)
        return Pending((done,), batch=False) if isinstance(done, Call) else Reply(200, done.encode())

    def _tools(self, said: Request, listed: str, prefix: str) -> Part | Fault:
        """The methods that all revisions share."""
        if said.method == "tools/list":
            if said.params.get("cursor") is not None:
                return Fault(jsonrpc.INVALID_PARAMS, "there is one page of tools and no cursor", said.id)
            return jsonrpc.result(said.id, listed)
        if said.method != "tools/call":
            return Fault(jsonrpc.METHOD_NOT_FOUND, "this server has no such method", said.id)
        name, arguments = said.params.get("name"), said.params.get("arguments")
        if not isinstance(name, str):
            return Fault(jsonrpc.INVALID_PARAMS, "name must be a text", said.id)
        if arguments is not None and not isinstance(arguments, dict):
            return Fault(jsonrpc.INVALID_PARAMS, "arguments must be an object", said.id)
        return Call(said.id, name, arguments or {}, prefix)


def refusal(status: int, words: str) -> Reply:
    """A request that is refused before it is read."""
    return _fault(status, Fault(jsonrpc.INVALID_REQUEST, words))


def too_large() -> Reply:
    """A body beyond the limit."""
    return refusal(413, f"a body has at most {LARGEST_BODY} bytes")


def _fault(status: int, fault: Fault) -> Reply:
    return Reply(status, jsonrpc.error(fault).encode())


def _called(call: Call, outcome: Outcome | None) -> str:
    """The answer to a tool call."""
    if outcome is None:
        return jsonrpc.error(Fault(jsonrpc.INTERNAL_ERROR, "memoryd failed; its log says how", call.id))
    text = f'{call.prefix}"content":[{{"type":"text","text":{compact(outcome.text)}}}]'
    if outcome.structured is not None:
        text += f',"structuredContent":{outcome.structured}'
    return jsonrpc.result(call.id, f'{text},"isError":{"true" if outcome.error else "false"}}}')
