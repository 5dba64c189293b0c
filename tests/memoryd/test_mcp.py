"""The wire: the official client, raw HTTP, and who is refused."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client

from iapeer_memory.memoryd import tools
from iapeer_memory.memoryd.caller import personality_in
from iapeer_memory.memoryd.serving import stranger
from tests.support.daemon import Running, start, write


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    place = tmp_path_factory.mktemp("mcp")
    write(place / "vault", "01_Knowledge/Fox.md", "---\ntitle: Fox\nstatus: current\n---\nA red fox.\n")
    write(place / "vault", "06_Agent_Memory/beta/Secret.md", "---\ntitle: Beta's\nauthor: beta\n---\nA red panda.\n")
    with start(place / "h", place / "vault") as running:
        running.call({"query": "fox"})
        yield running


async def spoken(daemon: Running) -> dict[str, Any]:
    """A session of the official client, from the handshake to an answer."""
    async with (
        streamable_http_client(daemon.url) as (reading, writing, *_),
        ClientSession(reading, writing) as session,
    ):
        hello = await session.initialize()
        listed = await session.list_tools()
        result = await session.call_tool("memory_search", {"query": "red fox"})
        return {"hello": hello, "tools": listed.tools, "result": result}


def test_the_official_client(daemon: Running) -> None:
    told = asyncio.run(spoken(daemon))
    assert told["hello"].server_info.name == "iapeer-memory"
    assert "native Read" in told["hello"].instructions
    (tool,) = told["tools"]
    assert (tool.name, tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (
        "memory_search",
        True,
        False,
    )
    assert tool.meta == {"anthropic/alwaysLoad": True}
    assert tool.title
    assert tool.description
    assert "native Read" not in tool.description
    assert tool.output_schema["required"] == ["query", "results", "pipeline"]
    payload = told["result"].structured_content
    assert payload["results"][0]["title"] == "Fox"
    assert json.loads(told["result"].content[0].text) == payload
    assert not told["result"].is_error


def test_its_description_stays_small(daemon: Running) -> None:
    _, listed = daemon.rpc("tools/list")
    assert len(json.dumps(listed)) < 4_000


def test_the_answer_keeps_to_its_schema(daemon: Running) -> None:
    jsonschema = importlib.import_module("jsonschema")
    jsonschema.validate(daemon.search("red"), dict(tools.OUTPUT_SCHEMA))
    jsonschema.validate({"query": "x", "limit": 3}, dict(tools.INPUT_SCHEMA))


@pytest.mark.parametrize(
    "method", ["server/discover", "nope", "resources/list", "prompts/list", "tools/none", "logging/setLevel"]
)
@pytest.mark.parametrize("version", [None, "2025-06-18", "2025-11-25"])
def test_unknown_methods(daemon: Running, method: str, version: str | None) -> None:
    params = {"level": "info"} if method == "logging/setLevel" else {}
    status, answer = daemon.rpc(method, params, **({"MCP-Protocol-Version": version} if version else {}))
    assert (status, answer["error"]["code"]) == (200, -32601)


def test_the_newer_revision(daemon: Running) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }

    def ask(method: str, **params: Any) -> tuple[int, Any]:
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        return daemon.rpc(method, {"_meta": meta, **params}, **headers)

    status, answer = ask("server/discover")
    assert (status, answer["result"]["supportedVersions"]) == (200, ["2026-07-28"])
    status, answer = ask("tools/call", name="memory_search", arguments={"query": "fox"})
    assert answer["result"]["structuredContent"]["results"][0]["title"] == "Fox"
    status, answer = ask("nope")
    assert answer["error"]["code"] == -32601
    assert status < 500


def test_a_session_begins_with_discover_then_a_handshake(daemon: Running) -> None:
    assert daemon.rpc("server/discover")[1]["error"]["code"] == -32601
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    status, answer = daemon.rpc("initialize", hello)
    assert answer["result"]["protocolVersion"] == "2025-11-25"
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    status, told, _ = daemon.request("POST", "/mcp", body=body, headers=headers)
    assert (status, "mcp-session-id" in told) == (202, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "query must be"),
        ({"query": ""}, "query must be"),
        ({"query": 7}, "query must be"),
        ({"query": "x", "limit": 0}, "limit must be"),
        ({"query": "x", "limit": "5"}, "limit must be"),
        ({"query": "x", "limit": True}, "limit must be"),
        ({"query": "x", "forCuration": "yes"}, "forCuration must be"),
        ({"query": "x", "folder": "y"}, "unknown argument 'folder'"),
    ],
)
def test_bad_arguments(daemon: Running, arguments: dict[str, Any], words: str) -> None:
    result = daemon.call(arguments)
    assert result["isError"] is True
    assert words in json.loads(result["content"][0]["text"])["error"]


def test_an_unknown_tool(daemon: Running) -> None:
    result = daemon.call({}, name="vault_read")
    assert result["isError"] is True
    assert "vault_read" in result["content"][0]["text"]


def test_blank_queries_and_limits(daemon: Running) -> None:
    assert daemon.search("  ")["results"] == []
    assert len(daemon.call({"query": "red", "limit": 1})["structuredContent"]["results"]) == 1


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("claude-alpha", "alpha"), (" codex-my-peer ", "my-peer"), ("alpha", "alpha"), ("claude-", "claude-"),
        ("", None), (None, None), ("${PEER_IDENTITY:-claude-x}", None), ("claude-$NAME", None),
    ],
)  # fmt: skip
def test_identity(daemon: Running, header: str | None, name: str | None) -> None:
    assert personality_in(header) == name
    headers = {} if header is None else {"X-IAPeer-Identity": header}
    assert daemon.search("red", **headers)["pipeline"]["caller_agent"] == name


def test_a_foreign_memory_counts_for_less(daemon: Running) -> None:
    def score(who: str) -> float:
        results = daemon.search("red panda", **{"X-IAPeer-Identity": who})["results"]
        return float(next(r["score"] for r in results if r["title"] == "Fox"))

    assert score("beta") < score("alpha")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404), ("GET", "/dedup", 404), ("POST", "/health", 405), ("GET", "/mcp", 405),
        ("DELETE", "/mcp", 405), ("GET", "/.well-known/oauth-protected-resource/mcp", 404),
        ("GET", "/.well-known/oauth-authorization-server", 404), ("POST", "/register", 404),
        ("GET", "/mcp/x", 404), ("GET", "/health?nonce=%C3%A9%00%22", 200),
    ],
)  # fmt: skip
def test_routes(daemon: Running, method: str, path: str, status: int) -> None:
    found, headers, body = daemon.request(method, path)
    assert (found, headers["content-type"]) == (status, "application/json")
    if status != 200:
        assert "/mcp" in body["error"] or "/health" in body["error"]


@pytest.mark.parametrize("path", ["/health", "/mcp", "/other"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"}, {"Host": "evil.example:{port}"}, {"Host": "127.0.0.1"}, {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1.evil.example:{port}"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
        {"Origin": "http://localhost:3000"}, {"Origin": "https://127.0.0.1:{port}"},
    ],
)  # fmt: skip
def test_strangers_are_refused(daemon: Running, path: str, headers: dict[str, str]) -> None:
    given = {name: value.format(port=daemon.port) for name, value in headers.items()}
    method = "POST" if path == "/mcp" else "GET"
    status, _, body = daemon.request(method, path, headers=given)
    assert (status, set(body)) == (403, {"error"})


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_our_own_names_are_served(daemon: Running, name: str) -> None:
    here = f"{name}:{daemon.port}"
    assert daemon.request("GET", "/health", headers={"Host": here, "Origin": f"http://{here}"})[0] == 200


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n"])
def test_no_host_or_two_are_refused(daemon: Running, hosts: bytes) -> None:
    if b"%d" in hosts:
        hosts = hosts % daemon.port
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n" + hosts + b"\r\n")
        assert connection.recv(4096).split()[1] in (b"403", b"400")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[]", {}),
        (b"[1,2]", {}),
        (b'"x"', {}),
        (b"\xff\xfe", {}),
        (b"[" * 100_000, {}),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":7}', {}),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"memory_search","arguments":[]}}', {}),
        (b"x" * (2 << 20), {}),
        (b"{}", {"Content-Type": "text/plain"}),
        (b"{}", {"Accept": "text/html"}),
        (b"{}", {"MCP-Protocol-Version": "1999-01-01"}),
    ],
)
def test_bad_bodies_are_never_a_server_error(daemon: Running, body: bytes, headers: dict[str, str]) -> None:
    given = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | headers
    status, _, _ = daemon.request("POST", "/mcp", body=body, headers=given)
    assert 200 <= status < 500
    assert daemon.titles("fox") == ["Fox"]


THEIRS = ("127.0.0.1", 2)


def test_only_clients_of_our_user_are_served() -> None:
    assert stranger(lambda ours, theirs: 7, 7, 1, THEIRS) is None
    assert "other users" in (stranger(lambda ours, theirs: 8, 7, 1, THEIRS) or "")
    assert "cannot be told" in (stranger(lambda ours, theirs: None, 7, 1, THEIRS) or "")
    assert "cannot be told" in (stranger(lambda ours, theirs: 7, 7, 1, None) or "")
    assert stranger(None, 7, 1, THEIRS) is None


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs to become somebody else")
@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_another_user_is_refused_even_with_an_honest_clients_port(daemon: Running, source: str) -> None:
    request = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\nConnection: close\r\n\r\n"
    script = (
        "import os, socket, sys\nos.setuid(65534)\nline = socket.socket()\n"
        "line.bind((sys.argv[1], int(sys.argv[2])))\nline.connect(('127.0.0.1', int(sys.argv[3])))\n"
        "line.sendall(sys.argv[4].encode())\nprint(line.makefile().read())"
    )
    with socket.create_connection(("127.0.0.1", daemon.port)) as honest:
        honest.sendall(request.replace("Connection: close\r\n", "").encode())
        assert honest.recv(4096).split()[1] == b"200"
        port = honest.getsockname()[1] if source == "127.0.0.2" else 0
        words = (sys.executable, "-I", "-S", "-c", script, source, str(port), str(daemon.port), request)
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("HTTP/1.1 403"), (done.stdout, done.stderr)
    assert "other users" in done.stdout
