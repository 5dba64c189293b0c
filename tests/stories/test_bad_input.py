"""Bad input of every kind: one line that names the file, the reason and the fix; no foreign byte lost; then it converges."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.bed import Bed, Ran, tree

MERGE = b'{\n<<<<<<< HEAD\n  "a": 1\n=======\n  "a": 2\n>>>>>>> other\n}\n'


@dataclass(frozen=True)
class Case:
    """A file of the peer with bytes that cannot be used, what the error must say, and on which line."""

    file: str
    data: bytes
    says: str
    line: int | None = None


PEER_FILES = {
    "mcp: not JSON": Case(".mcp.json", b'{"mcpServers": \n', "", 2),
    "mcp: comment": Case(".mcp.json", b'{\n  // mine\n  "mcpServers": {}\n}\n', "", 2),
    "mcp: trailing comma": Case(".mcp.json", b'{\n  "a": 1,\n}\n', "", 3),
    "mcp: merge marks": Case(".mcp.json", MERGE, "", 2),
    "mcp: NUL": Case(".mcp.json", b'{"a": "\x00"}\n', ""),
    "mcp: not UTF-8": Case(".mcp.json", b'{"a": "\xff\xfe"}\n', ""),
    "mcp: a list": Case(".mcp.json", b"[]\n", ""),
    "mcp: empty": Case(".mcp.json", b"", ""),
    "mcp: servers are a list": Case(".mcp.json", b'{"mcpServers": []}\n', "mcpServers"),
    "mcp: too large": Case(".mcp.json", b'{"a": "' + b"x" * 10_000_001 + b'"}\n', "larger"),
    "mcp: too deep": Case(".mcp.json", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
    "settings: hooks are text": Case(".claude/settings.json", b'{"hooks": "none"}\n', "hooks"),
    "settings: an event is an object": Case(".claude/settings.json", b'{"hooks": {"SessionStart": {}}}\n', "SessionStart"),
    "settings: merge marks": Case(".claude/settings.json", MERGE, "", 2),
    "codex: not TOML": Case(".codex/config.toml", b'model = "x"\n[mcp_servers\n', "", 2),
    "codex: merge marks": Case(".codex/config.toml", b'a = 1\n<<<<<<< HEAD\nb = 2\n', "", 2),
    "codex: twice the same": Case(".codex/config.toml", b"a = 1\na = 2\n", "", 2),
    "codex: servers are a number": Case(".codex/config.toml", b"mcp_servers = 3\n", "mcp_servers"),
    "codex: NUL": Case(".codex/config.toml", b'a = "\x00"\n', ""),
    "codex hooks: not JSON": Case(".codex/hooks.json", b"{'hooks': {}}\n", "", 1),
    "codex hooks: a list": Case(".codex/hooks.json", b'{"hooks": []}\n', "hooks"),
}


def line_with(ran: Ran, path: str) -> str:
    """The one line of the output that names the file."""
    found = [line for line in (ran.out + ran.err).splitlines() if path in line]
    assert found, (path, ran.out, ran.err)
    return found[0]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> object:
    """One host for the whole table."""
    from tests.support.bed import bed_in

    with bed_in(tmp_path_factory.mktemp("bad"), runtime) as bed:
        bed.init("alpha", "beta")
        yield bed


@pytest.mark.parametrize("name", PEER_FILES)
def test_a_file_of_a_peer_that_cannot_be_used(host: Bed, name: str) -> None:
    case = PEER_FILES[name]
    path = host.peer("alpha") / case.file
    good = path.read_bytes()
    beta = tree(host.peer("beta"))
    path.write_bytes(case.data)
    others = {k: v for k, v in tree(host.peer("alpha")).items() if k != case.file}
    for words in (("update",), ("verify", "--repair")):
        ran = host.run(*words)
        assert path.read_bytes() == case.data
        assert {k: v for k, v in tree(host.peer("alpha")).items() if k != case.file} == others
        line = line_with(ran, str(path))
        assert case.says in line and len(line) < 700
        if case.line is not None:
            assert f"{path}:{case.line}:" in line, line
        if words == ("update",):
            assert ran.code == 1 and "fix:" in line, line
    assert tree(host.peer("beta")) == beta
    path.write_bytes(good)
    assert "update complete" in host.ok("update").out
    assert host.run("verify").code == 0
