"""Whatever is sent: valid JSON-RPC or an empty 202, never an exception, never a 500."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.memoryd.mcp.desk import Desk
from iapeer_memory.memoryd.mcp.http import Endpoint
from iapeer_memory.memoryd.mcp.listing import ENVELOPE, HANDSHAKE
from iapeer_memory.memoryd.mcp.protocol import LARGEST_BODY
from tests.support.endpoint import FolderMemory, Heard, tools_over

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20)
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
METHOD = st.sampled_from(["initialize", "ping", "tools/list", "tools/call", "server/discover", "notifications/x"])
NAME = st.sampled_from(["memory_search", "memory_related", "memory_map", "memory_write", "vault_read"])
ARGUMENT = st.sampled_from(
    ["query", "limit", "offset", "type", "tag", "folder", "since", "path", "title", "depth", "parts", "mode", "text"]
)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAME | VALUE,
        "arguments": st.dictionaries(ARGUMENT, VALUE | st.sampled_from(["x", 1, "create", ["orphans"]])) | VALUE,
        "protocolVersion": st.sampled_from(HANDSHAKE) | VALUE,
        "cursor": VALUE,
        "_meta": VALUE,
    },
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | VALUE,
        "id": st.integers() | st.text() | VALUE,
        "method": METHOD | VALUE,
        "params": PARAMS | VALUE,
        "result": VALUE,
        "error": VALUE,
    },
)
REQUEST = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "id": st.integers() | st.text(), "method": METHOD, "params": PARAMS}
)
LIKELY = MESSAGE | REQUEST | st.lists(MESSAGE | REQUEST, max_size=5) | VALUE
BODY = st.binary(max_size=200) | LIKELY.map(lambda value: json.dumps(value).encode())
HEADER = st.sampled_from([*HANDSHAKE, ENVELOPE, "", "x", "application/json", "tools/call", "=?base64?x?=", "*/*", "é"])
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "mcp-protocol-version", "mcp-method", "mcp-name", "x-iapeer-identity"]),
        HEADER,
    ),
    max_size=4,
)  # fmt: skip
USUAL = (b"content-type", b"application/json")


def send(
    endpoint: Endpoint, headers: list[tuple[bytes, bytes]], pieces: list[bytes]
) -> tuple[int, dict[bytes, bytes], bytes]:
    """One request straight into the application: status, headers, body."""
    events = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    events.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        return events.pop(0)

    async def put(event: Any) -> None:
        sent.append(event)

    asyncio.run(endpoint({"type": "http", "headers": headers}, receive, put))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def sound(status: int, body: bytes) -> None:
    """Valid JSON-RPC, or an empty 202."""
    if not body:
        assert status == 202
        return
    assert status in (200, 400, 404, 406, 413, 415)
    said = json.loads(body.decode("utf-8"), parse_constant=pytest.fail)
    for one in said if isinstance(said, list) else [said]:
        assert one["jsonrpc"] == "2.0"
        assert "id" in one
        assert ("result" in one) != ("error" in one)
        if "error" in one:
            assert isinstance(one["error"]["code"], int)
            assert one["error"]["code"] != -32603, one
            assert "\n" not in one["error"]["message"]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return Endpoint(Desk(tools_over(FolderMemory(tmp_path_factory.mktemp("vault"))), version="1", log=Heard()))


@given(headers=HEADERS, body=BODY)
@settings(max_examples=400, deadline=None)
def test_anything(endpoint: Endpoint, headers: list[tuple[str, str]], body: bytes) -> None:
    raw = [USUAL, *((name.encode(), value.encode("latin-1")) for name, value in headers)]
    status, head, said = send(endpoint, raw, [body])
    sound(status, said)
    assert int(head[b"content-length"]) == len(said)
    assert (b"content-type" in head) == bool(said)


def whole(request: dict[str, Any]) -> bool:
    """Whether it is JSON, and its id made of whole characters."""
    try:
        json.dumps(request, allow_nan=False)
        str(request["id"]).encode()
    except ValueError:
        return False
    return True


@given(request=REQUEST)
@settings(max_examples=200, deadline=None)
def test_a_request_is_answered_under_its_own_id(endpoint: Endpoint, request: dict[str, Any]) -> None:
    body = json.dumps(request).encode()
    status, _, said = send(endpoint, [USUAL], [body])
    sound(status, said)
    assert json.loads(said)["id"] == (request["id"] if whole(request) else None)


def test_a_huge_body_is_refused_without_being_kept(endpoint: Endpoint) -> None:
    piece = b" " * (1 << 16)
    status, _, said = send(endpoint, [USUAL], [piece] * 40)
    assert (status, json.loads(said)["error"]["code"]) == (413, -32600)
    status, _, said = send(endpoint, [USUAL], [piece] * 1_000)
    assert status == 413


def test_a_query_that_fills_the_body_is_an_error_of_one_line(endpoint: Endpoint) -> None:
    call = {"name": "memory_search", "arguments": {"query": "x" * (LARGEST_BODY - 200)}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
    assert len(body) <= LARGEST_BODY
    status, _, said = send(endpoint, [USUAL], [body])
    result = json.loads(said)["result"]
    assert (status, result["isError"]) == (200, True)
    assert len(said) < 400


def test_a_client_that_hangs_up_is_not_answered(endpoint: Endpoint) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def put(event: Any) -> None:
        pytest.fail("nobody is there")

    asyncio.run(endpoint({"type": "http", "headers": [USUAL]}, receive, put))


def test_a_fault_of_ours_is_one_clean_error_and_a_line_in_the_log(tmp_path: Any) -> None:
    heard = Heard()
    endpoint = Endpoint(Desk(tools_over(FolderMemory(tmp_path)), version="1", log=heard))

    def search(query: str) -> Any:
        call = {"name": "memory_search", "arguments": {"query": query}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
        return json.loads(send(endpoint, [USUAL], [body])[2])

    broken = search("!broken")
    assert (broken["id"], broken["error"]["code"]) == (1, -32603)
    assert "fire" not in broken["error"]["message"]
    assert heard.lines == ["a call of 'memory_search' failed (RuntimeError: the disk is on fire)"]
    busy = search("!busy")["result"]
    assert busy["isError"]
    assert json.loads(busy["content"][0]["text"])["error"].endswith("fix: search again in a moment")
    assert len(heard.lines) == 1
