"""How Codex judges the files of a peer, offline: what it lists, what it refuses, what its own command writes."""

from __future__ import annotations

import os
import tomllib

import pytest

from tests.support.harness.bed import SERVER, Bed
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness


def test_a_projects_server_is_listed_only_when_the_project_is_trusted(harnesses: Harnesses, bed: Bed) -> None:
    bed.wire_codex(8766)
    codex = bed.codex(harnesses)
    untrusted = codex.mcp_list(bed.peer)
    assert (untrusted.servers, untrusted.done.code) == ((), 0)
    bed.trust_codex()
    server = codex.mcp_list(bed.peer).server(SERVER)
    assert server is not None
    assert server["enabled"] is True
    assert server["transport"]["url"] == "http://127.0.0.1:8766/mcp"
    assert server["transport"]["http_headers"] == {"X-IAPeer-Identity": "codex-alpha"}
    assert server["transport"]["bearer_token_env_var"] is None


def test_the_cores_form_is_listed_with_its_variables(harnesses: Harnesses, bed: Bed) -> None:
    bed.wire_codex(8766, bearer=True)
    bed.trust_codex()
    server = bed.codex(harnesses).mcp_list(bed.peer).server(SERVER)
    assert server is not None
    assert server["transport"]["bearer_token_env_var"] == "IAPEER_BEARER"
    assert server["transport"]["env_http_headers"] == {"X-IAPeer-Identity": "PEER_IDENTITY"}


def test_listing_asks_the_server_for_its_oauth_pages(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    """Only GET, never MCP: a server that answers 404 there is listed as `unsupported`, which is right."""
    bed.wire_codex(memory.port)
    bed.trust_codex()
    server = bed.codex(harnesses).mcp_list(bed.peer).server(SERVER)
    assert server is not None
    assert server["auth_status"] == "unsupported"
    assert {one.verb for one in memory.calls} == {"GET"}
    assert "/.well-known/oauth-authorization-server/mcp" in {one.path for one in memory.calls}


@pytest.mark.parametrize(
    ("text", "said", "named"),
    [
        ("[mcp_servers.x\n", "unclosed table", True),
        ('[mcp_servers.iapeer-memory]\nurl = "http://127.0.0.1:1/mcp"\n', "duplicate key", True),
        ("[mcp_servers.other]\nurl = 5\n", "in `mcp_servers.other.url`", False),
    ],
    ids=["broken header", "our table twice", "a foreign wrong type"],
)
def test_a_damaged_file_fails_with_its_place(harnesses: Harnesses, bed: Bed, text: str, said: str, named: bool) -> None:
    """A wrong type names the key only: which of the layers holds it is left to the reader."""
    bed.wire_codex(8766)
    bed.trust_codex()
    path = os.path.join(bed.peer, ".codex", "config.toml")
    bed.put(path, bed.read(path) + "\n" + text)
    done = bed.codex(harnesses).mcp_list(bed.peer).done
    assert done.code == 1
    assert (path in done.err) is named
    assert said in done.err, done.err


def test_its_own_command_adds_to_the_users_file_and_keeps_the_rest(harnesses: Harnesses, bed: Bed) -> None:
    before = '# mine\n[projects."/x"]\ntrust_level = "trusted" # keep\n'
    bed.codex_user(before.rstrip("\n"))
    codex = bed.codex(harnesses)
    assert codex.call(["mcp", "add", SERVER, "--url", "http://127.0.0.1:8766/mcp"], bed.peer).code == 0
    text = bed.read(codex.config)
    assert text.startswith(before)
    assert tomllib.loads(text)["mcp_servers"] == {SERVER: {"url": "http://127.0.0.1:8766/mcp"}}
    assert codex.call(["mcp", "remove", SERVER], bed.peer).code == 0
    assert bed.read(codex.config).rstrip() == before.rstrip()


def test_the_effective_settings_name_their_layers(harnesses: Harnesses, bed: Bed) -> None:
    bed.wire_codex(8766)
    bed.trust_codex()
    bed.allow_codex()
    read = bed.codex(harnesses).effective_config(bed.peer)
    assert [layer["name"]["type"] for layer in read["layers"]] == ["project", "user", "system"]
    assert SERVER in read["config"]["mcp_servers"]
    assert read["config"]["sandbox_workspace_write"]["writable_roots"] == [bed.vault]


def test_the_doctor_finds_our_settings_in_order(harnesses: Harnesses, bed: Bed) -> None:
    bed.wire_codex(8766)
    bed.trust_codex()
    checks = bed.codex(harnesses).doctor(bed.peer)["checks"]
    assert checks["config.load"]["status"] == "ok"
    assert checks["config.load"]["details"]["config.toml parse"] == "ok"
