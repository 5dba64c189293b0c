"""The stdio bridge in place of the port: what `init` chooses and says, changing it by a setting, and leaving."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.bed import Bed, bed_in, plain_files, until
from tests.support.core_bed import core_bed_in
from tests.support.harness.record import Json

NAME = "IAPEER_MEMORY_TRANSPORT"


@pytest.fixture
def bed(runtime: Path) -> Iterator[Bed]:
    """A host where no setting says how; its folders have short names, for the socket's sake."""
    with TemporaryDirectory(prefix="m") as short, bed_in(Path(short), runtime) as made:
        del made.env[NAME]
        yield made


def entries(bed: Bed, peer: str) -> dict[str, Json]:
    """The peer's entry for each harness."""
    claude = json.loads((bed.peer(peer) / ".mcp.json").read_text())["mcpServers"]
    codex = tomllib.loads((bed.peer(peer) / ".codex/config.toml").read_text())["mcp_servers"]
    return {"claude": claude["iapeer-memory"], "codex": codex["iapeer-memory"]}


@contextmanager
def started(bed: Bed, server: Json, folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server that an entry names, started in a folder as a harness does."""
    with subprocess.Popen(
        [server["command"], *server["args"]], cwd=folder, env={**env, **server.get("env", {})},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()


def asked(child: subprocess.Popen[bytes], method: str, **params: Any) -> Json:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
    child.stdin.flush()
    answer = json.loads(child.stdout.readline())
    return dict(answer["result"])


def test_where_nobody_starts_memoryd_first_the_bridge_is_chosen_and_its_entries_work(bed: Bed) -> None:
    said = bed.init("alpha", "beta").out
    (line,) = (line for line in said.splitlines() if line.startswith("transport: "))
    assert line.startswith("transport: attach: ")
    assert json.loads((bed.state / "host.json").read_text())["transport"] == "attach"
    status = bed.run("status", "--json").json()
    assert f"transport: {status['transport']}" == line and status["transport"] in bed.run("status").out
    assert bed.run("verify").code == 0

    (pid,) = bed.daemons()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not bed.daemons(), "memoryd ends")
    deep = bed.peer("alpha") / "src" / "deep"
    deep.mkdir(parents=True)
    # Codex gives a server these variables and those that its entry names, Claude all that it has.
    few = {name: bed.env[name] for name in ("HOME", "PATH", "LANG")}
    for harness, server in entries(bed, "alpha").items():
        named = {name: bed.env[name] for name in server.get("env_vars", bed.env) if name in bed.env}
        with started(bed, server, deep, {**few, **named}) as child:
            assert asked(child, "tools/call", name="memory_search", arguments={"query": "harbour"})["content"]
            (row,) = bed.ok("sessions", "--json").json()["sessions"]
            assert (row["harness"], row["peer"], row["project"]) == (harness, "alpha", str(bed.peer("alpha")))
        until(lambda: not bed.ok("sessions", "--json").json()["sessions"], "the session has gone")
    assert len(bed.daemons()) == 1


def test_a_setting_changes_it_and_back_and_nothing_is_left(bed: Bed) -> None:
    for name in ("alpha", "beta"):
        bed.peer(name).mkdir(parents=True)
    (bed.peer("beta") / ".mcp.json").write_text('{"mcpServers": {"other": {"command": "x"}}}')
    was = plain_files(bed.home / "work")
    bed.init("alpha", "beta")
    by_bridge = plain_files(bed.home / "work")

    bed.ok("config", "set", "TRANSPORT", "http")
    found = bed.findings()
    assert {found[f"peer-surfaces[{who}:{kind}]"]["detail"].split(":")[0] for who in ("alpha", "beta") for kind in
            ("claude", "codex")} == {"mcp"}  # fmt: skip
    plan = bed.ok("update", "--dry-run").out
    for name in (".mcp.json", ".codex/config.toml"):
        assert f"would write {bed.peer('alpha') / name} (changed" in plan
    assert plain_files(bed.home / "work") == by_bridge
    bed.ok("verify", "--repair")
    for server in entries(bed, "beta").values():
        assert server["url"] == f"http://127.0.0.1:{bed.port}/mcp" and "command" not in server
    bed.ok("update")
    assert json.loads((bed.state / "host.json").read_text())["transport"] == "http"

    bed.ok("update", env={NAME: "attach"})
    assert not any("url" in server for server in entries(bed, "alpha").values())
    bed.ok("config", "set", "TRANSPORT", "attach")
    before = plain_files(bed.home / "work")
    bed.ok("update")
    assert plain_files(bed.home / "work") == before
    assert entries(bed, "alpha")["claude"]["command"] == str(bed.home / ".local/bin/iapeer-memory")
    bed.ok("uninstall")
    assert plain_files(bed.home / "work") == was


def test_the_core_s_peers_use_the_port_unless_a_setting_says_otherwise(runtime: Path) -> None:
    with TemporaryDirectory(prefix="m") as short, core_bed_in(Path(short), runtime) as host:
        del host.bed.env[NAME]
        assert "transport: http: as the core's peers do\n" in host.init("--skip-guide").out
        claude = host.peer("alpha") / ".mcp.json"
        assert json.loads(claude.read_text())["mcpServers"]["iapeer-memory"]["type"] == "http"
        host.bed.ok("config", "set", "TRANSPORT", "attach")
        host.ok("update")
        server = json.loads(claude.read_text())["mcpServers"]["iapeer-memory"]
        assert server["args"] == ["mcp", "--harness", "claude", "--project", str(host.peer("alpha"))]
        assert not host.failing()
        host.core.ok("create", "beta")
        assert (
            json.loads((host.peer("beta") / ".mcp.json").read_text())["mcpServers"]["iapeer-memory"]["type"] == "stdio"
        )


def test_a_socket_that_is_gone_or_is_none_is_seen_and_its_remedy_works(bed: Bed) -> None:
    bed.init("alpha")
    path = bed.state / "attach.sock"
    assert "attach-socket" not in bed.findings()

    def works() -> None:
        with started(bed, entries(bed, "alpha")["claude"], bed.peer("alpha"), bed.env) as child:
            assert asked(child, "tools/call", name="memory_map", arguments={})["structuredContent"]

    path.unlink()
    assert bed.findings()["attach-socket"]["status"] == "fail"
    assert bed.findings("--repair")["attach-socket"]["status"] == "repaired"
    works()
    path.unlink()
    path.write_text("somebody's")
    found = bed.findings("--repair")["attach-socket"]
    assert found["status"] == "fail" and "no socket" in found["detail"]
    remedy = found["remedy"].replace("iapeer-memory verify", f"{bed.home}/.local/bin/iapeer-memory verify")
    subprocess.run(["/bin/sh", "-c", remedy], env=bed.env, cwd=bed.home, check=False, capture_output=True)
    assert "attach-socket" not in bed.findings()
    works()
    assert (bed.state / "attach.sock.old").read_text() == "somebody's" and len(bed.daemons()) == 1


@pytest.mark.parametrize("word", ["pigeon", "HTTP", "http,attach", "stdio"])
def test_a_word_that_is_no_transport_is_one_clear_line(bed: Bed, word: str) -> None:
    bed.init("alpha")
    before = plain_files(bed.home / "work")
    line = f"TRANSPORT must be one of http, attach, not {word!r}"
    refused = bed.run("config", "set", "TRANSPORT", word)
    assert (refused.code, refused.err.strip()) == (2, f"iapeer-memory config: {line}")
    config = bed.config_dir / "config.env"
    config.write_text(config.read_text() + f"{NAME}={word}\n")
    finding = bed.findings()["config"]
    assert (finding["status"], finding["detail"], finding["where"]) == ("fail", line, str(config))
    bed.run("update")
    assert plain_files(bed.home / "work") == before
    remedy = finding["remedy"].removeprefix("iapeer-memory ").split()
    bed.ok(*remedy)
    assert {row["status"] for name, row in bed.findings().items() if name in ("config", "peer-surfaces")} == {"ok"}
