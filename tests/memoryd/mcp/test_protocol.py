"""Traces of the protocol: bytes of a request in, status and bytes out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from iapeer_memory.memoryd.mcp.head import Head
from iapeer_memory.memoryd.mcp.listing import Server
from iapeer_memory.memoryd.mcp.protocol import LARGEST_BATCH, LARGEST_BODY, Pending, Protocol, Reply
from iapeer_memory.memoryd.tools.tool import Outcome, Tool

ECHO = Tool("echo", "Echo", "Says it again.", {"type": "object"}, {"type": "object"}, always=True)
PROTOCOL = Protocol(Server("memory", "Memory", "1", "Search first."), (ECHO,))
JSON = ("application/json",)
NEW = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": NEW, "io.modelcontextprotocol/clientCapabilities": {}}
HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


def answered(body: Any, outcome: Outcome | None, head: dict[str, tuple[str, ...]]) -> tuple[int, Any]:
    """(status, JSON or None), each tool call answered with that outcome."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = PROTOCOL.receive(Head(**{"content_types": JSON, **head}), data)
    if isinstance(reply, Pending):
        reply = reply.answer([outcome] * len(reply.calls))
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body) if reply.body else None


def post(body: Any, **head: tuple[str, ...]) -> tuple[int, Any]:
    return answered(body, Outcome("{}", "{}"), head)


def ask(method: str, params: Any = None, *, own: Any = 1, **head: tuple[str, ...]) -> tuple[int, Any]:
    return answered({"jsonrpc": "2.0", "id": own, "method": method, "params": params}, Outcome("{}", "{}"), head)


def alone(method: str, params: dict[str, Any] | None = None, **head: tuple[str, ...]) -> tuple[int, Any]:
    """A request of the revision without a handshake."""
    names = {"names": (params["name"],)} if params and "name" in params else {}
    heads: dict[str, Any] = {"versions": (NEW,), "methods": (method,), **names, **head}
    return ask(method, {"_meta": META, **(params or {})}, **heads)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [*((version, version) for version in HANDSHAKE), *((other, "2025-11-25") for other in ("1999-01-01", NEW, ""))],
)
def test_the_handshake_settles_the_revision(asked: str, answered: str) -> None:
    status, said = ask("initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "x"}})
    assert (status, said["id"], said["result"]["protocolVersion"]) == (200, 1, answered)
    assert said["result"]["serverInfo"] == {"name": "memory", "title": "Memory", "version": "1"}
    assert said["result"]["instructions"] == "Search first."
    assert "tools" in said["result"]["capabilities"]


@pytest.mark.parametrize("version", [(), *((v,) for v in HANDSHAKE)])
def test_methods(version: tuple[str, ...]) -> None:
    assert ask("ping", versions=version) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    (tool,) = ask("tools/list", versions=version)[1]["result"]["tools"]
    assert (tool["name"], tool["_meta"]) == ("echo", {"anthropic/alwaysLoad": True})
    assert tool["annotations"]["readOnlyHint"] is True
    status, said = ask("tools/call", {"name": "echo"}, versions=version)
    wanted = {"content": [{"type": "text", "text": "{}"}], "structuredContent": {}, "isError": False}
    assert (status, said["result"]) == (200, wanted)
    for method in ("server/discover", "nope", "", "resources/list", "logging/setLevel", "tools/callx"):
        status, said = ask(method, versions=version)
        assert (status, said["error"]["code"], said["id"]) == (200, -32601, 1)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("initialize", {}), ("initialize", {"protocolVersion": 7}), ("initialize", None), ("ping", [1]), ("ping", 7),
        ("tools/call", {}), ("tools/call", {"name": 7}), ("tools/call", {"name": "echo", "arguments": []}),
        ("tools/list", {"cursor": "x"}),
    ],
)  # fmt: skip
def test_bad_params(method: str, params: Any) -> None:
    status, said = ask(method, params)
    assert (status, said["error"]["code"], said["id"]) == (200, -32602, 1)


@pytest.mark.parametrize("own", [0, -1, 7, 2**70, 1.5, "", "a", "ключ", "\U0001f98a", '"\\', "x" * 10_000])
def test_ids_come_back_as_they_came(own: Any) -> None:
    said = ask("ping", own=own)[1]
    assert (said["id"], type(said["id"])) == (own, type(own))
    assert ask("nope", own=own)[1]["id"] == own


@pytest.mark.parametrize("own", [b"null", b"true", b"[]", b"{}", b'"\\ud800"', b'"a\\udfffb"'])
def test_what_is_no_id(own: bytes) -> None:
    status, said = post(b'{"jsonrpc":"2.0","method":"ping","id":' + own + b"}")
    assert (status, said["error"]["code"], said["id"]) == (400, -32600, None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nul", b"\xff\xfe", b"[" * 500_000, b'{"a":' * 100_000, b"NaN", b'{"id":Infinity}', b"1e999",
        b'{"id":1e999}', b"9" * 5_000, b"\xef\xbb\xbf{}", '{"jsonrpc":"2.0"}'.encode("utf-16"), b'"\xed\xa0\x80"',
        b"\0",
    ],
)  # fmt: skip
def test_what_is_no_json(body: bytes) -> None:
    status, said = post(body)
    assert (status, said["error"]["code"], said["id"]) == (400, -32700, None)


@pytest.mark.parametrize(
    ("body", "own"),
    [
        (7, None), ("x", None), (None, None), ({}, None), ({"id": 3}, 3), ({"jsonrpc": "2.0", "id": 3}, 3),
        ({"jsonrpc": "1.0", "id": 3, "method": "ping"}, 3), ({"jsonrpc": 2.0, "id": 3, "method": "ping"}, 3),
        ({"jsonrpc": "2.0", "id": 3, "method": 7}, 3), ({"jsonrpc": "2.0", "id": 3, "method": None, "result": 1}, 3),
        ({"jsonrpc": "2.0", "id": 3, "result": {}, "error": {}}, 3), ({"method": "ping"}, None), ([], None),
    ],
)  # fmt: skip
def test_what_is_no_request(body: Any, own: Any) -> None:
    status, said = post(body)
    assert (status, said["error"]["code"], said["id"]) == (400, -32600, own)


@pytest.mark.parametrize("version", [(), ("2025-11-25",), (NEW,)])
@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "nope", "tools/call"])
def test_notifications_are_taken_and_dropped(version: tuple[str, ...], method: str) -> None:
    body = {"jsonrpc": "2.0", "method": method, "params": {"requestId": 1, "name": "echo"}}
    assert post(body, versions=version) == (202, None)


def test_answers_to_questions_never_put() -> None:
    assert post({"jsonrpc": "2.0", "id": 1, "result": {}}) == (202, None)
    assert post({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}) == (202, None)
    assert post({"jsonrpc": "2.0", "id": 1, "result": {}}, versions=(NEW,))[0] == 400


def test_a_batch_where_the_revision_knows_it() -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}
    hello = {"jsonrpc": "2.0", "id": 9, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}}
    status, said = post([ping, note, call, 7, call | {"id": "z"}, hello])
    assert status == 200
    assert [part["id"] for part in said] == [1, 1, None, "z", 9]
    assert ["result" in part for part in said] == [True, True, False, True, False]
    assert post([note, note]) == (202, None)
    assert post([ping])[1] == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
    assert post([ping] * LARGEST_BATCH)[0] == 200
    assert post([ping] * (LARGEST_BATCH + 1))[0] == 400
    for version in ("2025-06-18", "2025-11-25", NEW):
        status, said = post([ping], versions=(version,))
        assert (status, said["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ({"content_types": ("text/plain",)}, 415), ({"content_types": ()}, 415),
        ({"content_types": ("application/json", "text/plain")}, 415),
        ({"content_types": ("multipart/form-data",)}, 415),
        ({"content_types": ("Application/JSON; charset=utf-8",)}, 200),
        ({"accepts": ("text/html",)}, 406), ({"accepts": ("text/event-stream",)}, 406), ({"accepts": ("",)}, 406),
        ({"accepts": ("application/json;q=0, text/event-stream",)}, 406), ({"accepts": ("*/*;q=0.0",)}, 406),
        ({"accepts": ()}, 200), ({"accepts": ("*/*",)}, 200), ({"accepts": ("text/html, application/*;q=0.1",)}, 200),
        ({"accepts": ("text/event-stream", "Application/Json")}, 200),
        ({"accepts": ("application/json, text/event-stream",)}, 200),
        ({"versions": ("1999-01-01",)}, 400), ({"versions": ("",)}, 400),
    ],
)  # fmt: skip
def test_headers(head: dict[str, tuple[str, ...]], status: int) -> None:
    assert ask("ping", **head)[0] == status


def test_a_body_beyond_the_limit() -> None:
    padding = b" " * LARGEST_BODY
    status, said = post(padding + b"{}")
    assert (status, said["error"]["code"]) == (413, -32600)
    exact = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    assert post(padding[len(exact) :] + exact)[0] == 200


def test_failures_of_ours_and_of_tools() -> None:
    body = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "echo"}}
    status, said = answered(body, None, {})
    assert (status, said["id"], said["error"]["code"]) == (200, 5, -32603)
    status, said = answered(body, Outcome('{"error":"no"}', error=True), {})
    assert said["result"] == {"content": [{"type": "text", "text": '{"error":"no"}'}], "isError": True}


def test_every_request_may_stand_alone() -> None:
    status, said = alone("server/discover")
    result = said["result"]
    assert (status, result["supportedVersions"], result["instructions"]) == (200, [NEW], "Search first.")
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    assert result["ttlMs"] >= 0
    stamp = {"io.modelcontextprotocol/serverInfo": {"name": "memory", "title": "Memory", "version": "1"}}
    assert result["_meta"] == stamp
    listed = alone("tools/list")[1]["result"]
    assert (listed["resultType"], listed["_meta"], listed["tools"][0]["name"]) == ("complete", stamp, "echo")
    called = alone("tools/call", {"name": "echo", "arguments": {}})[1]["result"]
    assert (called["resultType"], called["_meta"], called["structuredContent"]) == ("complete", stamp, {})
    for method in ("initialize", "ping", "nope"):
        status, said = alone(method)
        assert (status, said["error"]["code"], said["id"]) == (404, -32601, 1)
    assert alone("tools/call", {"name": "echo", "arguments": 7})[0] == 400


def test_a_name_may_be_wrapped_in_its_header() -> None:
    def called(header: str) -> Any:
        return alone("tools/call", {"name": "écho"}, names=(header,))[1]

    wrapped = "=?base64?" + base64.b64encode("écho".encode()).decode() + "?="
    assert "result" in called(wrapped)
    for broken in ("=?base64?!?=", "=?base64??=", "=?base64?w?=", "=?base64?/w==?=", "echo", "=?base64?="):
        assert called(broken)["error"]["code"] == -32020


@pytest.mark.parametrize(
    ("meta", "head", "code"),
    [
        (None, {}, -32602),
        ({}, {}, -32602),
        ({"io.modelcontextprotocol/protocolVersion": NEW}, {}, -32602),
        (META, {"methods": ()}, -32020),
        (META, {"methods": ("tools/call",)}, -32020),
        (META, {"methods": ("tools/list", "tools/list")}, -32020),
        (META, {"versions": (NEW, NEW)}, -32020),
        (META, {"versions": ("2027-01-01",)}, -32020),
        ({**META, "io.modelcontextprotocol/protocolVersion": 7}, {}, -32020),
        ({**META, "io.modelcontextprotocol/protocolVersion": "2027-01-01"}, {"versions": ("2027-01-01",)}, -32022),
        (None, {"versions": ("1999-01-01",)}, -32022),
    ],
)
def test_what_a_request_must_say_of_itself(meta: Any, head: dict[str, tuple[str, ...]], code: int) -> None:
    heads = {"versions": (NEW,), "methods": ("tools/list",), **head}
    status, said = ask("tools/list", {"_meta": meta}, own=4, **heads)
    assert (status, said["error"]["code"], said["id"]) == (400, code, 4)
    if code == -32022:
        assert said["error"]["data"] == {"supported": [*HANDSHAKE, NEW], "requested": heads["versions"][0]}


def test_a_notification_of_an_unknown_revision_is_told_so() -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    status, said = post(body, versions=("2027-01-01",))
    assert (status, said["error"]["code"], said["id"]) == (400, -32022, None)
    assert post(body, versions=(NEW, NEW))[1]["error"]["code"] == -32020
