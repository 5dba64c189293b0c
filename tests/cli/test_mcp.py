"""`iapeer-memory mcp`: sessions of real harness processes' kind, over a real memoryd that is killed under them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.support.bed import Bed, bed_in, until
from tests.support.bridged import WORDS, Session, bridged


@contextmanager
def two_peers(runtime: Path) -> Iterator[Bed]:
    """On a host whose folders have short names."""
    with TemporaryDirectory(prefix="m") as short, bed_in(Path(short), runtime) as made:
        made.init("alpha", "beta")
        yield made


@pytest.fixture
def bed(runtime: Path) -> Iterator[Bed]:
    """A host of its own."""
    with two_peers(runtime) as made:
        yield made


@pytest.fixture(scope="module")
def shared(runtime: Path) -> Iterator[Bed]:
    """One host for the questions that change nothing."""
    with two_peers(runtime) as made:
        yield made


def session(bed: Bed, peer: str, *words: str) -> AbstractContextManager[Session]:
    return bridged(bed.env, bed.peer(peer), *words)


def test_what_one_session_writes_another_finds(bed: Bed) -> None:
    with session(bed, "alpha", "--harness", "claude") as one, session(bed, "beta", "--harness", "codex") as other:
        assert "memory" in one.hello()
        one.say(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        assert len(one.ask("tools/list")["result"]["tools"]) == 4
        written = one.call("memory_write", title="Harbour", text="Seven gannets.", folder="knowledge", tags=["birds"])
        assert not written.get("isError"), written
        until(lambda: other.titles("gannets") == ["Harbour"], "the other session finds it")
        note = next(bed.vault.rglob("Harbour.md")).read_text()
        assert "author: alpha\n" in note
        rows = bed.ok("sessions", "--json").json()["sessions"]
        assert [(row["harness"], row["peer"]) for row in rows] == [("claude", "alpha"), ("codex", "beta")]
        assert rows[0]["calls"] == one.last + 1 and rows[0]["project"] == str(bed.peer("alpha"))
        assert "claude  alpha  " in bed.ok("sessions").out
    until(lambda: bed.ok("sessions").out == "no session is attached\n", "both have gone")


def test_a_session_outlives_memoryd(bed: Bed) -> None:
    (bed.vault / "Bread.md").write_text("All about bread.\n")
    with session(bed, "alpha") as one:
        until(lambda: one.titles("bread") == ["Bread"], "it is found")
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            (pid,) = bed.daemons()
            os.kill(pid, number)
            until(lambda: pid not in bed.daemons(), "it ends")  # noqa: B023 - called at once
            assert one.titles("bread") == ["Bread"]
            assert len(bed.daemons()) == 1
        (pid,) = bed.daemons()
        log = bed.root / "logs/iapeer-memory/memoryd.log"
        starts = log.read_text().count(" up: ")
        bed.ok("config", "set", "MAX_RESULTS", "5")
        until(lambda: log.read_text().count(" up: ") > starts, "it starts anew with the setting")
        assert one.titles("bread") == ["Bread"]
        assert bed.daemons() == [pid]


def test_eight_sessions_that_start_at_once_without_memoryd_start_one(bed: Bed) -> None:
    (pid,) = bed.daemons()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not bed.daemons(), "it ends")
    children = [
        subprocess.Popen(WORDS, env=bed.env, cwd=bed.peer("alpha"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    line = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    told = [child.communicate(line, timeout=60)[0] for child in children]
    assert [json.loads(answer) for answer in told] == [{"jsonrpc": "2.0", "id": 1, "result": {}}] * 8
    until(lambda: len(bed.daemons()) == 1, "one has been started")


def test_a_memory_that_cannot_be_had_is_told_in_the_answer(bed: Bed) -> None:
    (pid,) = bed.daemons()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not bed.daemons(), "it ends")
    config = bed.config_dir / "config.env"
    config.write_text(config.read_text().replace(str(bed.vault), f"{bed.vault}-gone"))
    with session(bed, "alpha") as one:
        error = one.ask("tools/call", name="memory_search", arguments={"query": "x"})["error"]
        assert error["code"] == -32603
        why = (
            f"memoryd is not started: the vault {bed.vault}-gone is not there; fix: mkdir -p {bed.vault}-gone, or set "
        )
        assert error["message"].startswith(f"memoryd cannot be started: {why}")
        assert error["message"].count("fix: ") == 1
        one.say(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        one.say(b"not JSON")
        assert one.heard()["id"] is None


def test_a_request_that_is_too_large_is_answered_to_who_asked(bed: Bed) -> None:
    large = {"title": "Large", "text": "x" * (1 << 20), "folder": "knowledge"}
    (pid,) = bed.daemons()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not bed.daemons(), "it ends")
    with session(bed, "alpha") as one:
        one.hello()
        for _ in range(2):
            told = one.ask("tools/call", name="memory_write", arguments=large)["error"]["message"]
            assert told.startswith("request_too_large: a request has at most 1048576 bytes, not 10")
        assert one.ask("ping")["result"] == {}


def test_a_port_that_somebody_else_holds_is_told_with_what_helps(bed: Bed) -> None:
    (pid,) = bed.daemons()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not bed.daemons(), "it ends")
    words = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(bed.port)]
    with subprocess.Popen(words, cwd=bed.vault, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stranger:
        try:
            held = f"port {bed.port} is held by another program"
            until(lambda: bed.findings()["memoryd-heartbeat"]["detail"] == held, "the other one listens")
            with session(bed, "alpha") as one:
                error = one.ask("tools/call", name="memory_search", arguments={"query": "x"})["error"]
                fix = "fix: iapeer-memory verify --repair --new-port"
                assert error["message"] == f"memoryd cannot be started: {held}; {fix}"
            ran = bed.run("sessions", "--json")
            assert (ran.code, ran.out, ran.err) == (1, "", f"iapeer-memory sessions: memoryd: {held}; {fix}\n")
        finally:
            stranger.kill()


def test_sessions_show_settings_and_what_does_not_count(bed: Bed) -> None:
    place = bed.peer("alpha") / ".iapeer" / "memory.jsonc"
    place.parent.mkdir(exist_ok=True)
    place.write_text('{"results": 3,\n"langauge": "ru",\n"folders": ["lists"]}')
    with session(bed, "alpha", "--harness", "a\x1b[2Jb") as one, session(bed, "beta") as other:
        one.ask("ping")
        other.ask("ping")
        ours, theirs = bed.ok("sessions", "--json").json()["sessions"]
        assert ours["settings"] == {"results": 3, "folders": ["lists"]}
        assert ours["dropped"] == [f"{place}:2: langauge: there is no such key"]
        assert (theirs["settings"], theirs["dropped"]) == ({}, [])
        first, *more, last = bed.ok("sessions").out.splitlines()
        assert first.startswith("a\\x1b[2Jb  alpha  ") and "  1 call in " in first
        assert more == [
            '    settings: "results": 3, "folders": ["lists"]',
            f"    does not count: {place}:2: langauge: there is no such key",
        ]
        assert last.startswith("mcp  beta  ")


def test_a_program_that_is_gone_is_told_once_and_its_remedy_works(bed: Bed) -> None:
    bed.reboot()
    (bed.state / "runtimes" / "current").unlink()
    with session(bed, "alpha") as one:
        told = one.ask("tools/call", name="memory_search", arguments={"query": "x"})["error"]["message"]
        assert told.startswith("memoryd cannot be started: no runtime is installed in ")
        assert told.endswith("; fix: iapeer-memory verify --repair")
        bed.run("verify", "--repair")
        assert one.search("x") == []


def test_folders_that_are_no_project(bed: Bed) -> None:
    gone, stray = bed.home / "gone", bed.home / "stray-\udcff"
    stray.mkdir()
    for folder, told in (
        (str(gone), f"invalid_project_root: project root does not exist: {gone}; fix: name a folder that is there"),
        ("alpha", "invalid_project_root: project root is not absolute: alpha; fix: name a folder that is there"),
        (str(stray), "invalid_attach_request: project root, harness and session must be UTF-8: ['/"),
    ):
        with session(bed, "alpha", "--project", folder) as one:
            assert one.ask("ping")["error"]["message"].startswith(told)
    # A harness may have been started in a folder that is gone; our entries name the peer's.
    words = ["sh", "-c", 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"', str(gone), *WORDS]
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    named = subprocess.run([*words, "--project", str(bed.peer("alpha"))], env=bed.env, input=ping, capture_output=True)
    assert json.loads(named.stdout)["result"] == {}, named
    nowhere = subprocess.run(words, env=bed.env, input=ping, capture_output=True)
    assert (nowhere.returncode, nowhere.stdout) == (1, b"")
    assert nowhere.stderr == b"iapeer-memory: the current folder is gone; fix: start it in a folder that is there\n"


@pytest.mark.parametrize("line", [b"not JSON", b"[]", b"{}", b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', b"\xff"])
def test_what_is_no_request_is_answered_and_ends_nothing(shared: Bed, line: bytes) -> None:
    with session(shared, "alpha") as one:
        one.say(line)
        assert "error" in one.heard()
        assert one.ask("ping")["result"] == {}


def test_words_that_are_not_understood(shared: Bed) -> None:
    for words in (("--host",), ("--session",), ("x",)):
        ran = shared.run("mcp", *words)
        assert ran.code == 2 and ran.err.startswith(f"iapeer-memory mcp: {words[0]} is not understood; usage: ")
    assert "--harness" in shared.ok("mcp", "--help").out


def test_the_official_client_drives_it(bed: Bed) -> None:
    (bed.vault / "Bread.md").write_text("All about bread.\n")

    async def drive() -> list[str]:
        server = StdioServerParameters(
            command=WORDS[0], args=list(WORDS[1:]), env=dict(bed.env), cwd=str(bed.peer("alpha"))
        )
        async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
            await client.initialize()
            tools = [tool.name for tool in (await client.list_tools()).tools]
            with anyio.fail_after(30):
                while "Bread" not in str((await client.call_tool("memory_search", {"query": "bread"})).content):
                    await anyio.sleep(0.05)
            return tools

    assert anyio.run(drive) == ["memory_search", "memory_related", "memory_map", "memory_write"]
