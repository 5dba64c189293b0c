"""The real memoryd before the real harnesses and the official checkers: a note in the vault reaches the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.daemon import UP, Running, environment, launch
from tests.support.harness.bed import SERVER, Bed
from tests.support.harness.checkers import conforms, inspect
from tests.support.harness.model import Model, Say, Step, Use
from tests.support.harness.npm import Harnesses

pytestmark = pytest.mark.harness
NOTE = "---\ntitle: Harbour plan\n---\nThe lighthouse keeper counts seven gannets.\n"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def serve(stack: ExitStack, bed: Bed, port: int = 0) -> Running:
    """memoryd over the bed's vault, ready to answer. The sandbox is told of the bed: it is not under /tmp."""
    root = os.path.join(bed.home, ".iapeer")
    env = environment(Path(bed.home), Path(bed.vault)) | {"IAPEER_ROOT": root}
    running = stack.enter_context(launch(env, port=port))
    match = UP.search(running.said("up: http"))
    assert match is not None
    running.port = int(match[1])
    running.wait(lambda health: bool(health["ready"]))
    return running


def restart(stack: ExitStack, bed: Bed, running: Running) -> Callable[[], None]:
    """End the daemon politely, with the session's connection open, and start the next one on the same port."""

    def again() -> None:
        assert running.stop() == 0
        serve(stack, bed, running.port)

    return again


def wire(harnesses: Harnesses, bed: Bed, kind: str, port: int) -> None:
    if kind == "claude":
        bed.wire_claude(port)
        bed.approve_claude()
        bed.allow_claude()
    else:
        bed.wire_codex(port)
        bed.trust_codex()
        bed.allow_codex()
        bed.trust_hooks(*bed.codex(harnesses).hooks(bed.peer))


def search(kind: str, query: str, before: Callable[[], None] | None = None) -> Use:
    return use(kind, "memory_search", {"query": query}, before)


def use(kind: str, tool: str, arguments: dict[str, str], before: Callable[[], None] | None = None) -> Use:
    if kind == "claude":
        return Use(f"mcp__iapeer-memory__{tool}", arguments, before=before)
    return Use(tool, arguments, namespace="mcp__iapeer_memory", before=before)


def talk(harnesses: Harnesses, bed: Bed, kind: str, steps: list[Step]) -> list[str]:
    """A whole session; what each tool answered, as the model saw it."""
    with Model(steps) as model:
        if kind == "claude":
            bed.claude(harnesses).session(bed.peer, model)
        else:
            bed.codex(harnesses).session(bed.peer, model)
    return [one.text for one in model.results]


@pytest.mark.parametrize("kind", ["claude", "codex"])
def test_a_note_reaches_the_model_before_and_after_a_restart(
    harnesses: Harnesses, bed: Bed, stack: ExitStack, kind: str
) -> None:
    bed.put(bed.note("Harbour plan.md"), NOTE)
    running = serve(stack, bed)
    wire(harnesses, bed, kind, running.port)
    again = restart(stack, bed, running)
    steps: list[Step] = [search(kind, "gannets"), search(kind, "lighthouse", again), Say("finished")]
    answers = talk(harnesses, bed, kind, steps)
    assert len(answers) == 2
    for answer in answers:
        assert "Harbour plan" in answer, answers
        assert "seven" in answer


def test_claude_offers_the_search_to_its_model_from_the_start(harnesses: Harnesses, bed: Bed, stack: ExitStack) -> None:
    wire(harnesses, bed, "claude", serve(stack, bed).port)
    with Model([Say("finished")]) as model:
        bed.claude(harnesses).session(bed.peer, model)
    assert "mcp__iapeer-memory__memory_search" in model.seen[0].tools, model.seen[0].tools


def test_a_note_that_one_harness_wrote_is_found_by_the_other(harnesses: Harnesses, bed: Bed, stack: ExitStack) -> None:
    daemon = serve(stack, bed)
    wire(harnesses, bed, "claude", daemon.port)
    wire(harnesses, bed, "codex", daemon.port)
    note = bed.note("Harbour plan.md")
    talk(harnesses, bed, "claude", [Use("Write", {"file_path": note, "content": NOTE})])
    assert os.path.exists(note)
    daemon.until(lambda: daemon.titles("gannets"))
    (answer,) = talk(harnesses, bed, "codex", [search("codex", "gannets")])
    assert "Harbour plan" in answer


@pytest.mark.parametrize(("writer", "reader"), [("claude", "codex"), ("codex", "claude")])
def test_a_note_that_a_tool_wrote_is_found_by_the_other(
    harnesses: Harnesses, bed: Bed, stack: ExitStack, writer: str, reader: str
) -> None:
    daemon = serve(stack, bed)
    wire(harnesses, bed, "claude", daemon.port)
    wire(harnesses, bed, "codex", daemon.port)
    note = {"title": "Harbour plan", "text": "The lighthouse keeper counts seven gannets.", "description": "a plan"}
    (written,) = talk(harnesses, bed, writer, [use(writer, "memory_write", note)])
    assert "06_Agent_Memory/alpha/Harbour plan.md" in written
    daemon.until(lambda: daemon.titles("gannets"))
    (answer,) = talk(harnesses, bed, reader, [search(reader, "gannets")])
    assert "seven" in answer


def test_claude_lists_it_as_connected_and_codex_without_a_login(
    harnesses: Harnesses, bed: Bed, stack: ExitStack
) -> None:
    port = serve(stack, bed).port
    wire(harnesses, bed, "claude", port)
    wire(harnesses, bed, "codex", port)
    assert bed.claude(harnesses).mcp_list(bed.peer).status(SERVER) == "connected"
    server = bed.codex(harnesses).mcp_list(bed.peer).server(SERVER)
    assert server is not None
    assert server["auth_status"] == "unsupported"


def test_the_inspector_lists_and_calls(harnesses: Harnesses, bed: Bed, stack: ExitStack) -> None:
    bed.put(bed.note("Harbour plan.md"), NOTE)
    url = serve(stack, bed).url
    tools = inspect(harnesses, bed.home, url, "tools/list")["tools"]
    assert [tool["name"] for tool in tools] == ["memory_search", "memory_related", "memory_map", "memory_write"]
    called = inspect(harnesses, bed.home, url, "tools/call", tool="memory_search", query="gannets")
    assert called["structuredContent"]["results"][0]["title"] == "Harbour plan"


@pytest.mark.parametrize("scenario", ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"])
def test_it_conforms(harnesses: Harnesses, bed: Bed, stack: ExitStack, scenario: str) -> None:
    verdict = conforms(harnesses, bed.home, serve(stack, bed).url, scenario)
    assert verdict.failed == 0, str(verdict.done)
    assert verdict.passed > 0
