"""Whole sessions of Codex: what a hook gets and gives, the sandbox, the variables, a memory that comes and goes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.model import Model, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness


def search(query: str, before: Callable[[], None] | None = None) -> Use:
    return Use("memory_search", {"query": query}, namespace="mcp__iapeer_memory", before=before)


def ready(harnesses: Harnesses, bed: Bed, memory: MemoryServer, *, start: str = "", bearer: bool = False) -> None:
    bed.wire_codex(memory.port, start=start, bearer=bearer)
    bed.trust_codex()
    bed.trust_hooks(*bed.codex(harnesses).hooks(bed.peer))


def writes(bed: Bed) -> list[Use]:
    """A patch of the vault, a shell line into the vault, a shell line into the peer's own folder."""
    patch = f"*** Begin Patch\n*** Add File: {bed.note('patched.md')}\n+first\n*** End Patch"
    return [
        Use("apply_patch", {"input": patch}, custom=True),
        Use("exec_command", {"cmd": f"echo first > {bed.note('shell.md')}"}),
        Use("exec_command", {"cmd": "echo first > local.md"}),
    ]


def test_what_a_hook_gets_and_gives(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    """No variable names the project: the payload's and the process's folder do."""
    ready(harnesses, bed, memory)
    said = {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "EXTRA-7"}}
    bed.shim("post-write", text=json.dumps(said))
    with Model([Use("exec_command", {"cmd": "true"})]) as model:
        bed.codex(harnesses).session(bed.peer, model, extra={"PEER_IDENTITY": "codex-zeta"})
    (fired,) = bed.fired("post-write")
    assert fired.cwd == fired.payload["cwd"] == bed.peer
    assert fired.env["PEER_IDENTITY"] == "codex-zeta"
    assert "CLAUDE_PROJECT_DIR" not in fired.env
    assert fired.payload["tool_name"] == "Bash"
    assert "EXTRA-7" in model.text("developer")


@pytest.mark.parametrize("allowed", [False, True])
def test_the_vault_is_read_only_until_it_is_a_writable_root(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, allowed: bool
) -> None:
    ready(harnesses, bed, memory)
    if allowed:
        bed.allow_codex()
    with Model(writes(bed)) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert len(model.results) == 3
    assert os.path.exists(bed.note("patched.md")) is allowed
    assert os.path.exists(bed.note("shell.md")) is allowed
    assert os.path.exists(os.path.join(bed.peer, "local.md"))
    assert ("Read-only file system" in model.results[1].text) is not allowed
    assert ("writing outside of the project" in model.results[0].text) is not allowed


def test_an_untrusted_folder_is_read_only_and_has_no_memory(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    bed.wire_codex(memory.port)
    with Model([*writes(bed), search("plan")]) as model:
        session = bed.codex(harnesses).session(bed.peer, model)
    assert "Untrusted project-local configuration is disabled" in session.done.err
    assert not os.path.exists(os.path.join(bed.peer, "local.md"))
    assert "unsupported call" in model.results[-1].text
    assert memory.calls == []


@pytest.mark.parametrize("given", [False, True], ids=["unset", "set"])
def test_a_bearer_variable_that_is_not_set_makes_the_server_silently_dead(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, given: bool
) -> None:
    ready(harnesses, bed, memory, bearer=True)
    extra = {"PEER_IDENTITY": "codex-zeta", **({"IAPEER_BEARER": "open"} if given else {})}
    with Model([search("plan")]) as model:
        session = bed.codex(harnesses).session(bed.peer, model, extra=extra)
    assert session.errors == []
    if given:
        assert "NOTE-42" in model.results[0].text
        (call,) = memory.called("tools/call")
        assert call.headers["authorization"] == "Bearer open"
        assert call.headers["x-iapeer-identity"] == "codex-zeta"
    else:
        assert "unsupported call" in model.results[0].text
        assert memory.calls == []


def test_the_memory_may_restart_in_mid_session(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    """A call while it is down fails; the next one works, without another `initialize`."""
    ready(harnesses, bed, memory)
    steps = [search("1"), search("2", memory.restart), search("3", memory.stop), search("4", memory.start)]
    with Model(steps) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert ["NOTE-42" in one.text for one in model.results] == [True, True, False, True], model.results
    assert memory.searches() == ["1", "2", "4"]
    assert len(memory.called("initialize")) == 1


def test_a_memory_that_comes_up_late_is_not_there_for_the_whole_session(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    ready(harnesses, bed, memory)
    memory.stop()
    with Model([search("1"), search("2", memory.start)]) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert ["unsupported call" in one.text for one in model.results] == [True, True]
    assert memory.searches() == []


@pytest.mark.parametrize(
    ("hint", "approved", "works"), [(True, False, True), (False, False, False), (False, True, True)],
    ids=["hinted", "neither", "approved"],
)  # fmt: skip
def test_a_tool_needs_the_read_only_hint_or_the_approval_of_its_server(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, hint: bool, approved: bool, works: bool
) -> None:
    ready(harnesses, bed, memory)
    memory.read_only = hint
    path = os.path.join(bed.peer, ".codex", "config.toml")
    if not approved:
        bed.put(path, bed.read(path).replace('default_tools_approval_mode = "approve"\n', ""))
    with Model([search("plan")]) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert ("NOTE-42" in model.results[0].text) is works, model.results


@pytest.mark.parametrize(("size", "whole"), [(9_500, True), (12_000, False)], ids=["9,500", "12,000"])
def test_how_much_context_a_session_start_may_say(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, size: int, whole: bool
) -> None:
    text = "CONTEXT-ALPHA " + "a" * (size - 26) + " CONTEXT-END"
    ready(harnesses, bed, memory, start=text)
    with Model([]) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert "CONTEXT-ALPHA" in model.text("developer")
    assert (text in model.text("developer")) is whole


@pytest.mark.parametrize("code", [1, 2])
def test_a_failing_hook_loses_its_context_and_stops_nothing(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, code: int
) -> None:
    ready(harnesses, bed, memory)
    bed.shim("session-start", text="CONTEXT-ALPHA", fail=code)
    with Model([search("plan")]) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert "CONTEXT-ALPHA" not in model.text()
    assert "NOTE-42" in model.results[0].text


@pytest.mark.parametrize("quoted", [False, True], ids=["bare", "quoted"])
def test_a_command_with_a_space_in_its_path_must_be_quoted(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, quoted: bool
) -> None:
    bed.wire_codex(memory.port, start="CONTEXT-ALPHA")
    bed.trust_codex()
    spaced = os.path.join(bed.root, "my hooks", "iapeer-memory.session-start.sh")
    os.makedirs(os.path.dirname(spaced))
    os.rename(os.path.join(bed.hooks, os.path.basename(spaced)), spaced)
    path = os.path.join(bed.peer, ".codex", "hooks.json")
    document = json.loads(bed.read(path))
    document["hooks"]["SessionStart"][0]["hooks"][0]["command"] = f"'{spaced}'" if quoted else spaced
    bed.put_json(path, document)
    bed.trust_hooks(*bed.codex(harnesses).hooks(bed.peer))
    with Model([]) as model:
        bed.codex(harnesses).session(bed.peer, model)
    assert ("CONTEXT-ALPHA" in model.text()) is quoted
