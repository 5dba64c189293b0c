"""The endpoint on a real server: the official client in both eras, raw HTTP, many at once."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.support.endpoint import FolderMemory, Heard, serving

HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    vault = tmp_path_factory.mktemp("vault")
    for path, text in (("Fox.md", "A red fox. [[Hen]]"), ("Hen.md", "A hen."), ("Ёж.md", "Рыжий ёж \U0001f994")):
        (vault / path).write_text(text, encoding="utf-8")
    heard = Heard()
    with serving(FolderMemory(vault), heard) as port:
        yield port
    assert heard.lines == []


def rpc(port: int, method: str, params: Any = None, **headers: str) -> tuple[int, Any]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("POST", "/mcp", body, HEADERS | headers)
        answer = line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        line.close()


def search(port: int, query: str, **headers: str) -> Any:
    status, said = rpc(port, "tools/call", {"name": "memory_search", "arguments": {"query": query}}, **headers)
    assert status == 200
    return said["result"]["structuredContent"]


async def handshake(port: int) -> str:
    """A session that begins with `initialize`. What it is told of a bad argument."""
    async with (
        streamable_http_client(f"http://127.0.0.1:{port}/mcp") as (reading, writing, *_),
        ClientSession(reading, writing) as session,
    ):
        hello = await session.initialize()
        assert (hello.server_info.name, hello.server_info.version) == ("iapeer-memory", "1.2.3")
        assert hello.protocol_version == "2025-11-25"
        assert "native Read" in (hello.instructions or "")
        await session.send_ping()
        listed = (await session.list_tools()).tools
        assert [tool.name for tool in listed] == ["memory_search", "memory_related", "memory_map", "memory_write"]
        hints = [tool.annotations.read_only_hint for tool in listed if tool.annotations]
        assert hints == [True, True, True, False]
        assert listed[0].meta == {"anthropic/alwaysLoad": True}
        found = await session.call_tool("memory_search", {"query": "red fox"})
        assert found.structured_content["results"][0]["title"] == "Fox"
        assert json.loads(found.content[0].text) == found.structured_content  # type: ignore[union-attr]
        near = await session.call_tool("memory_related", {"title": "Fox", "depth": 2})
        assert near.structured_content["nodes"][0]["path"] == "Hen.md"
        missing = await session.call_tool("memory_related", {"path": "No.md"})
        assert (missing.is_error, missing.structured_content["found"]) == (False, False)
        drawn = await session.call_tool("memory_map", {"parts": ["orphans"]})
        assert drawn.structured_content["orphans"] == ["Ёж"]
        tags = {"title": "Owl", "text": "An owl.", "folder": "ideas", "tags": ["bird"]}
        assert not (await session.call_tool("memory_write", tags)).is_error
        again = await session.call_tool("memory_write", tags)
        assert again.is_error
        bad = await session.call_tool("memory_search", {"q": "x"})
        assert bad.is_error
        return str(bad.content[0].text)  # type: ignore[union-attr]


def test_the_official_client_with_a_handshake(port: int) -> None:
    refused = asyncio.run(handshake(port))
    assert "unknown argument 'q'" in refused


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
def test_the_official_client_in_every_mode(port: int, mode: Any) -> None:
    async def spoken() -> None:
        async with Client(f"http://127.0.0.1:{port}/mcp", mode=mode) as client:
            listed = await client.list_tools()
            assert len(listed.tools) == 4
            found = await client.call_tool("memory_search", {"query": "рыжий"})
            assert found.structured_content["results"][0]["title"] == "Ёж"
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")

    asyncio.run(spoken())


def test_a_session_that_discovers_first_then_shakes_hands(port: int) -> None:
    assert rpc(port, "server/discover")[1]["error"]["code"] == -32601
    status, said = rpc(port, "initialize", HELLO)
    assert (status, said["result"]["protocolVersion"]) == (200, "2025-11-25")
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("POST", "/mcp", b'{"jsonrpc":"2.0","method":"notifications/initialized"}', HEADERS)
    answer = line.getresponse()
    assert (answer.status, answer.read(), answer.getheader("mcp-session-id")) == (202, b"", None)
    line.request("POST", "/mcp", b'{"jsonrpc":"2.0","id":2,"method":"ping"}', HEADERS)
    assert json.loads(line.getresponse().read())["id"] == 2
    line.close()


@pytest.mark.parametrize(
    ("header", "name"),
    [("claude-alpha", "alpha"), (" codex-my-peer ", "my-peer"), ("", None), ("${PEER_IDENTITY:-claude-x}", None)],
)
def test_who_asks(port: int, header: str, name: str | None) -> None:
    assert search(port, "fox", **{"X-IAPeer-Identity": header})["pipeline"]["caller_agent"] == name
    assert search(port, "fox")["pipeline"]["caller_agent"] is None


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "127.0.0.1"}]
)
def test_strangers_are_refused(port: int, headers: dict[str, str]) -> None:
    assert rpc(port, "ping", **headers)[0] == 403


def test_a_body_beyond_the_limit_is_told_so(port: int) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("POST", "/mcp", b" " * (2 << 20), HEADERS)
    answer = line.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, -32600)
    line.close()
    assert search(port, "fox")["results"]


def test_a_client_that_stops_halfway_costs_nothing(port: int) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as line:
            head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            line.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    assert search(port, "fox")["results"]


def test_many_at_once(port: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: search(port, "fox" if n % 2 else "рыжий"), range(80)))
    assert [one["results"][0]["title"] for one in found] == ["Ёж", "Fox"] * 40


def test_it_ends_with_a_connection_still_open(tmp_path: Path) -> None:
    before = threading.active_count()
    with serving(FolderMemory(tmp_path)) as port:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        line.request("POST", "/mcp", b'{"jsonrpc":"2.0","id":2,"method":"ping"}', HEADERS)
        assert line.getresponse().read()
    line.close()
    assert threading.active_count() <= before


def test_it_loads_no_framework() -> None:
    script = "import sys, iapeer_memory.memoryd.mcp.http; print(*{name.split('.')[0] for name in sys.modules})"
    words = (sys.executable, "-c", script)
    loaded = set(subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.split())
    assert "iapeer_memory" in loaded
    assert not loaded & {"mcp", "mcp_types", "pydantic", "starlette", "anyio", "uvicorn", "jsonschema"}
