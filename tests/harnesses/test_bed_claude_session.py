"""Whole sessions of Claude Code: what a hook gets and gives, and what happens to calls when memoryd comes and goes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from tests.support.harness.bed import SERVER, Bed
from tests.support.harness.model import Model, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness
SEARCH = "mcp__iapeer-memory__memory_search"


def search(query: str, before: Callable[[], None] | None = None) -> Use:
    return Use(SEARCH, {"query": query}, before=before)


def ready(bed: Bed, memory: MemoryServer, *, start: str = "", stamp: bool = False) -> None:
    bed.wire_claude(memory.port, start=start, stamp=stamp)
    bed.approve_claude()
    bed.allow_claude()


def test_what_a_hook_gets(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    ready(bed, memory)
    with Model([Use("Write", {"file_path": bed.note("plan.md"), "content": "first\n"})]) as model:
        bed.claude(harnesses).session(bed.peer, model, extra={"PEER_IDENTITY": "claude-zeta"})
    (written,) = bed.fired("post-write")
    assert written.cwd == bed.peer
    assert written.env["CLAUDE_PROJECT_DIR"] == bed.peer
    assert written.env["PEER_IDENTITY"] == "claude-zeta"
    assert written.payload["tool_input"]["file_path"] == bed.note("plan.md")


def test_a_second_edit_works_after_the_hook_rewrote_the_file(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    ready(bed, memory, stamp=True)
    note = bed.note("plan.md")
    steps = [
        Use("Write", {"file_path": note, "content": "first\nsecond\n"}),
        Use("Edit", {"file_path": note, "old_string": "first", "new_string": "1st"}),
        Use("Edit", {"file_path": note, "old_string": "second", "new_string": "2nd"}),
    ]
    with Model(steps) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert [one.failed for one in model.results] == [False, False, False], model.results
    assert bed.read(note).endswith("---\n1st\n2nd\n")


def test_the_memory_may_restart_in_mid_session(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    """A call while it is down fails; the next one works, without another `initialize`."""
    ready(bed, memory)
    steps = [search("1"), search("2", memory.restart), search("3", memory.stop), search("4", memory.start)]
    with Model(steps) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert [one.failed for one in model.results] == [False, False, True, False], model.results
    assert memory.searches() == ["1", "2", "4"]
    assert len(memory.called("initialize")) == 1


def test_a_memory_that_comes_up_late_is_not_there_for_the_whole_session(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    ready(bed, memory)
    memory.stop()
    with Model([search("1"), search("2", memory.start)]) as model:
        session = bed.claude(harnesses).session(bed.peer, model)
    assert session.server(SERVER) == "failed"
    assert [one.failed for one in model.results] == [True, True]
    assert memory.searches() == []


@pytest.mark.parametrize(
    ("size", "whole"), [(9_500, True), (9_990, True), (10_050, False)], ids=["9,500", "9,990", "10,050"]
)
def test_how_much_context_a_session_start_may_say(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, size: int, whole: bool
) -> None:
    ready(bed, memory, start="CONTEXT-ALPHA " + "a" * (size - 26) + " CONTEXT-END")
    with Model([]) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert "CONTEXT-ALPHA" in model.text("system")
    assert ("CONTEXT-END" in model.text("system")) is whole


@pytest.mark.parametrize("code", [1, 2])
def test_a_failing_hook_loses_its_context_and_stops_nothing(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, code: int
) -> None:
    ready(bed, memory)
    bed.shim("session-start", text="CONTEXT-ALPHA", fail=code)
    bed.shim("post-write", fail=code)
    with Model([Use("Write", {"file_path": bed.note("plan.md"), "content": "first\n"}), search("1")]) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert "CONTEXT-ALPHA" not in model.text()
    assert [one.failed for one in model.results] == [False, False]


def test_a_hooks_timeout_is_in_seconds(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    """One second is too short for a hook that takes two; sixty are plenty."""
    ready(bed, memory)
    slow = os.path.join(bed.hooks, "iapeer-memory.session-start.sh")
    bed.put(slow, "#!/bin/sh\nsleep 2\necho CONTEXT-ALPHA\n")
    path = os.path.join(bed.peer, ".claude", "settings.json")
    arrived = {}
    for seconds in (1, 60):
        document = json.loads(bed.read(path))
        document["hooks"]["SessionStart"][0]["hooks"][0]["timeout"] = seconds
        bed.put_json(path, document)
        with Model([]) as model:
            bed.claude(harnesses).session(bed.peer, model)
        arrived[seconds] = "CONTEXT-ALPHA" in model.text()
    assert arrived == {1: False, 60: True}


@pytest.mark.parametrize("quoted", [False, True], ids=["bare", "quoted"])
def test_a_command_with_a_space_in_its_path_must_be_quoted(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, quoted: bool
) -> None:
    ready(bed, memory, start="CONTEXT-ALPHA")
    spaced = os.path.join(bed.root, "my hooks", "iapeer-memory.session-start.sh")
    os.makedirs(os.path.dirname(spaced))
    os.rename(os.path.join(bed.hooks, os.path.basename(spaced)), spaced)
    path = os.path.join(bed.peer, ".claude", "settings.json")
    document = json.loads(bed.read(path))
    document["hooks"]["SessionStart"][0]["hooks"][0]["command"] = f"'{spaced}'" if quoted else spaced
    bed.put_json(path, document)
    with Model([]) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert ("CONTEXT-ALPHA" in model.text()) is quoted


def test_the_tool_is_shown_up_front_only_when_the_server_asks_for_it(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    """Otherwise the model knows its name and must look its schema up first."""
    ready(bed, memory)
    offered = {}
    for up_front in (False, True):
        memory.up_front = up_front
        with Model([]) as model:
            bed.claude(harnesses).session(bed.peer, model)
        offered[up_front] = (SEARCH in model.tools, SEARCH in model.text("system"))
    assert offered == {False: (False, True), True: (True, False)}
