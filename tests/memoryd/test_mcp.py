"""The daemon's wire: the official client, its own search, raw HTTP, and who is refused."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from iapeer_memory.memoryd.caller import personality_in
from iapeer_memory.memoryd.serving import stranger
from iapeer_memory.memoryd.tools import search
from tests.support.daemon import Running, start, write


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mcp") / "vault"


@pytest.fixture(scope="module")
def daemon(vault: Path) -> Iterator[Running]:
    write(vault, "01_Knowledge/Fox.md", "---\ntitle: Fox\nstatus: current\n---\nA red fox. [[Hen]]\n")
    for name in ("Hen", "Owl", "Elk", "Yak"):
        write(vault, f"01_Knowledge/{name}.md", f"---\ntitle: {name}\n---\nSomething else.\n")
    write(vault, "06_Agent_Memory/beta/Secret.md", "---\ntitle: Beta's\nauthor: beta\n---\nA red panda.\n")
    with start(vault.parent / "h", vault) as running:
        running.call({"query": "fox"})
        yield running


async def spoken(daemon: Running, mode: Any) -> dict[str, Any]:
    """A session of the official client, from its first word to an answer."""
    async with Client(daemon.url, mode=mode) as client:
        listed = await client.list_tools()
        result = await client.call_tool("memory_search", {"query": "red fox"})
        return {"version": client.protocol_version, "tools": listed.tools, "result": result}


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_the_official_client(daemon: Running, mode: str, version: str) -> None:
    told = asyncio.run(spoken(daemon, mode))
    assert told["version"] == version
    names = [tool.name for tool in told["tools"]]
    assert names == ["memory_search", "memory_related", "memory_map", "memory_write"]
    payload = told["result"].structured_content
    assert payload["results"][0]["title"] == "Fox"
    assert json.loads(told["result"].content[0].text)["results"][0]["title"] == "Fox"
    assert not told["result"].is_error


def test_the_answer_keeps_to_its_schema(daemon: Running) -> None:
    jsonschema = importlib.import_module("jsonschema")
    told = daemon.search("red")
    jsonschema.validate(told, dict(search.TOOL.output_schema))
    assert told["results"], "an empty answer keeps to any schema"


def test_it_tells_where_the_vault_is(daemon: Running, vault: Path) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    told = daemon.rpc("initialize", hello)[1]["result"]
    assert told["serverInfo"]["name"] == "iapeer-memory"
    assert str(vault) in told["instructions"]
    assert "native Read" in told["instructions"]


def test_related_notes_and_the_map(daemon: Running) -> None:
    near = daemon.call({"title": "Fox"}, name="memory_related")["structuredContent"]
    assert [node["title"] for node in near["nodes"]] == ["Hen"]
    missing = daemon.call({"path": "No.md"}, name="memory_related")
    assert (missing["isError"], missing["structuredContent"]["found"]) == (False, False)
    drawn = daemon.call({"parts": ["clusters", "orphans"]}, name="memory_map")["structuredContent"]
    assert drawn["parts"] == ["clusters", "orphans"]


def test_a_note_is_written_stamped_and_found(daemon: Running, vault: Path) -> None:
    who = {"X-IAPeer-Identity": "claude-alpha"}
    note = {"title": "Gull", "text": "Gannets and gulls.", "description": "sea birds"}
    made = daemon.call(note, name="memory_write", **who)
    assert made["structuredContent"]["path"] == "06_Agent_Memory/alpha/Gull.md"
    text = (vault / "06_Agent_Memory/alpha/Gull.md").read_text(encoding="utf-8")
    assert "\nauthor: alpha\n" in text
    assert text.endswith("---\n\nGannets and gulls.\n")
    assert daemon.call(note, name="memory_write", **who)["isError"]
    assert (vault / "06_Agent_Memory/alpha/Gull.md").read_text(encoding="utf-8") == text
    more = {"mode": "append", "path": "06_Agent_Memory/alpha/Gull.md", "text": "And terns."}
    assert daemon.call(more, name="memory_write", **{"X-IAPeer-Identity": "beta"})["isError"]
    assert not daemon.call(more, name="memory_write", **who)["isError"]
    daemon.until(lambda: daemon.titles("terns") == ["Gull"])


def test_bad_arguments_are_told_in_one_line(daemon: Running) -> None:
    for arguments, words in (({}, "query must be"), ({"query": "x", "max": 1}, "unknown argument 'max'")):
        result = daemon.call(arguments)
        assert result["isError"] is True
        assert words in json.loads(result["content"][0]["text"])["error"]
    assert "vault_read" in daemon.call({}, name="vault_read")["content"][0]["text"]


def test_blank_queries_limits_and_filters(daemon: Running) -> None:
    assert daemon.search("  ")["results"] == []
    assert len(daemon.call({"query": "red", "limit": 1})["structuredContent"]["results"]) == 1
    found = daemon.call({"query": "red", "folder": "agent_memory"})["structuredContent"]["results"]
    assert [item["title"] for item in found] == ["Beta's"]


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
