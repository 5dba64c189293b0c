"""The core as we call it: against the stand-in, and against answers that no core should give."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door, RunResult
from iapeer_memory.domain.errors import UsageError
from iapeer_memory.ecosystem import core as module
from iapeer_memory.ecosystem.core import Core, CoreRow, find_core, one_line, parse_listing, said_of, single_human
from iapeer_memory.ecosystem.notifier import WATCHER_ID, read_triggers, registrant, watcher_message, watcher_problem
from iapeer_memory.egress.real import real_door
from tests.support.standin_core.make import StandIn, make_core


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A stand-in core whose world is this process's environment."""
    made = make_core(tmp_path)
    for key in list(os.environ):
        if key.startswith(("IAPEER", "PEER_", "CODEX")):
            monkeypatch.delenv(key)
    for key, value in made.env().items():
        monkeypatch.setenv(key, value)
    return made


@pytest.fixture
def door() -> Door:
    return real_door()


@pytest.fixture
def core(standin: StandIn, door: Door) -> Core:
    return Core(door, str(standin.binary))


def test_what_a_whole_core_answers(core: Core, standin: StandIn) -> None:
    assert core.version().detail == "0.4.86"
    assert core.list() == module.Listing()
    assert core.create("alpha", description="the first", runtime="codex").ok
    standin.ok("install-runtime", "notifier")
    assert core.list().rows[0] == CoreRow(
        "alpha", str(standin.root / "peers/alpha"), ("codex", "claude"), "codex", "artificial", "the first"
    )
    said, peers = core.native_memory("off")
    assert (said.ok, peers) == (True, ("alpha", "timer", "watcher"))
    assert core.native_memory("on", "alpha")[1] == ("alpha",)
    standin.turn(garbage={"native-memory": "Some Words\n\x1b[31malpha: written\nbeta (claude): written\n"})
    assert core.native_memory("off")[1] == ("beta",)
    standin.turn(garbage=None)
    cwd = str(standin.root / "peers/alpha")
    assert core.create("alpha", description="again", path=cwd).ok
    row = core.list().get("alpha")
    assert row is not None
    assert row.description == "again"


def test_trust(core: Core, standin: StandIn) -> None:
    path = standin.home / "hooks.json"
    path.write_text(json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/x"}]}]}}))
    assert core.trust_check(str(path))[1] is False
    assert core.trust_hooks(str(path))[1] == "written"
    assert core.trust_hooks(str(path))[1] == "already"
    assert core.trust_check(str(path))[1] is True
    said, word = core.trust_hooks(str(standin.home / "gone.json"))
    assert (word, said.ok) == ("failed", False)
    standin.turn(exit={"trust-hooks": [2, "usage"]})
    assert core.trust_check(str(path))[1] is None


@pytest.mark.parametrize("folder", ["plain", "a b'c"])
def test_a_watcher_is_registered_confirmed_and_runs(core: Core, standin: StandIn, folder: str) -> None:
    standin.ok("install-runtime", "notifier")
    standin.ok("create", "index")
    standin.ok("create", "scriber")
    launcher = standin.home / folder / "launcher.sh"
    launcher.parent.mkdir()
    launcher.write_text("#!/bin/sh\necho up\n")
    launcher.chmod(0o755)
    sender = registrant(core.list().rows)
    assert sender == "claude-index"
    profile = standin.root / "peers/index/.iapeer/peer-profile.json"
    assert core.send("watcher", sender, watcher_message(str(launcher), None)).ok
    assert watcher_problem(read_triggers(profile.read_bytes()), str(launcher), None) is None
    assert [t.id for t in read_triggers(profile.read_bytes()) or ()] == [WATCHER_ID]
    assert "1 line(s)" in standin.ok("fire", WATCHER_ID)
    standin.turn(send_fail={"watcher": "spool is full"})
    said = core.send("watcher", sender, "{}")
    assert (said.ok, said.detail) == (False, "iapeer send: spool is full")


def test_the_identity_of_the_caller_is_not_handed_on(
    core: Core, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEER_PERSONALITY", "somebody")
    monkeypatch.setenv("PEER_IDENTITY", "claude-somebody")
    monkeypatch.setenv("PEER_RUNTIME", "claude")
    assert core.create("alpha", description="x").ok
    entry = standin.book("journal")[-1]
    assert not [key for key in entry["env"] if key.startswith("PEER_")]
    assert entry["cwd"] == "/"


@pytest.mark.parametrize(("knob", "known"), [(None, False), ("ok", True), ("broken", True)])
def test_which_verbs_it_knows(core: Core, standin: StandIn, knob: str | None, known: bool) -> None:
    standin.turn(memory_plugin=knob)
    assert core.knows_verb("memory-plugin") is known
    assert core.knows_verb("native-memory") is True
    assert core.knows_verb("memory") is False
    assert standin.calls("memory-plugin") == []


def test_a_core_without_help_knows_nothing(core: Core, standin: StandIn) -> None:
    standin.turn(exit={"help": [1, "out of order"]})
    assert core.knows_verb("memory-plugin") is None
    standin.turn(exit=None, garbage={"help": ""})
    assert core.knows_verb("memory-plugin") is None


def test_a_core_that_hangs(core: Core, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIST", 0.3)
    standin.turn(hang=["list"])
    assert core.list().failed == "iapeer list: no answer within 0.3 s"


def test_a_core_that_is_not_there(door: Door, tmp_path: Path) -> None:
    gone = Core(door, str(tmp_path / "gone"))
    said = gone.version()
    assert (said.ok, said.code) == (False, 127)
    assert gone.list().failed
    assert gone.knows_verb("x") is None
    assert gone.trust_check("/x")[1] is None


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("", "not JSON (nothing)"),
        ("<html>\n", "not JSON (<html>)"),
        ("[" * 100_000, "not JSON"),
        ('{"peers": []}', "no list but dict"),
        ("null", "no list but NoneType"),
    ],
)
def test_a_list_that_is_none_is_no_empty_fleet(text: str, failed: str) -> None:
    listing = parse_listing(text)
    assert listing.rows == ()
    assert failed in (listing.failed or "")
    assert "\n" not in (listing.failed or "")


def test_a_list_with_nonsense_in_it() -> None:
    listing = parse_listing(
        json.dumps([
            3, {}, {"personality": " "}, {"personality": 4},
            {"personality": " a ", "cwd": 3, "runtimes": "claude", "description": None, "new": {}},
            {"personality": "b", "cwd": " /b ", "runtimes": [{"runtime": "claude"}, "codex", {"x": 1}, None, "codex"]},
        ])
    )  # fmt: skip
    assert listing.rows == (CoreRow("a"), CoreRow("b", "/b", ("claude", "codex")))
    assert len(listing.problems) == 4
    assert listing.failed is None


def test_one_human_or_none() -> None:
    me, you = CoreRow("me", intelligence="natural"), CoreRow("you", intelligence="natural")
    assert single_human((me, CoreRow("x", intelligence="artificial"))) == "me"
    assert single_human((me, you)) is None
    assert single_human(()) is None


@pytest.mark.parametrize(
    ("result", "ok", "detail"),
    [
        (RunResult(0, "\n fine  now\nmore", ""), True, "fine now"),
        (RunResult(1, "out", "\n\nerr\x1b[31m\nmore"), False, "err\\x1b[31m"),
        (RunResult(1, "out", ""), False, "out"),
        (RunResult(3, "", ""), False, "exit code 3"),
        (RunResult(127, "", "", spawn_error="no such\nfile"), False, "iapeer x: no such"),
        (RunResult(-9, "", "", timed_out=True), False, "iapeer x: no answer within 5 s"),
        (RunResult(127, "", "", refused=True), False, "iapeer x: refused in the sandbox"),
        (RunResult(1, "", "e" * 500), False, "e" * 159 + "…"),
    ],
)
def test_one_line_of_a_call(result: RunResult, ok: bool, detail: str) -> None:
    said = said_of(result, "iapeer x", 5.0)
    assert (said.ok, said.detail, said.refused) == (ok, detail, result.refused)
    assert len(one_line(said.detail)) <= 160


def test_the_core_is_found_by_flag_then_path(standin: StandIn, door: Door) -> None:
    env = standin.env()
    assert find_core(door, env, None) == str(standin.binary)
    assert find_core(door, {"PATH": "/nowhere"}, None) is None
    assert find_core(door, {}, str(standin.binary)) == str(standin.binary)
    assert find_core(door, env, "iapeer") == str(standin.binary)
    for wrong in ("/nowhere/iapeer", str(standin.home), "no-such-command"):
        with pytest.raises(UsageError):
            find_core(door, env, wrong)
