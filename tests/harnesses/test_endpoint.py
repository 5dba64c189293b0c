"""The MCP endpoint alone, over a folder of notes, before the official checkers and the real harnesses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.endpoint import FolderMemory, serving
from tests.support.harness.bed import Bed
from tests.support.harness.checkers import conforms, inspect
from tests.support.harness.model import Model, Say, Use
from tests.support.harness.npm import Harnesses

pytestmark = pytest.mark.harness


@pytest.fixture
def port(bed: Bed) -> Iterator[int]:
    bed.put(bed.note("01_Knowledge/Harbour.md"), "The lighthouse keeper counts seven gannets. [[Reef]]\n")
    bed.put(bed.note("01_Knowledge/Reef.md"), "A reef.\n")
    with serving(FolderMemory(Path(bed.vault))) as port:
        yield port


@pytest.mark.parametrize("scenario", ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"])
def test_it_conforms(harnesses: Harnesses, bed: Bed, port: int, scenario: str) -> None:
    verdict = conforms(harnesses, bed.home, f"http://127.0.0.1:{port}/mcp", scenario)
    assert verdict.failed == 0, str(verdict.done)
    assert verdict.passed > 0


def test_the_inspector_calls_every_tool(harnesses: Harnesses, bed: Bed, port: int) -> None:
    url = f"http://127.0.0.1:{port}/mcp"

    def call(tool: str, **arguments: str) -> dict[str, object]:
        return dict(inspect(harnesses, bed.home, url, "tools/call", tool=tool, **arguments)["structuredContent"])

    listed = inspect(harnesses, bed.home, url, "tools/list")["tools"]
    assert [tool["name"] for tool in listed] == ["memory_search", "memory_related", "memory_map", "memory_write"]
    assert "Harbour" in json.dumps(call("memory_search", query="gannets"))
    assert "Reef" in json.dumps(call("memory_related", title="Harbour", depth="2"))
    assert call("memory_map")["detail"] == "summary"
    made = call("memory_write", title="Gull", text="A gull.", folder="ideas", tags='["bird"]')
    assert made["path"] == "04_Ideas/Gull.md"
    assert os.path.exists(bed.note("04_Ideas/Gull.md"))


@pytest.mark.parametrize("kind", ["claude", "codex"])
def test_a_model_searches_and_writes(harnesses: Harnesses, bed: Bed, port: int, kind: str) -> None:
    note = {"title": "Gull", "text": "A gull.", "description": "what a gull is"}
    if kind == "claude":
        bed.wire_claude(port)
        bed.approve_claude()
        bed.allow_claude()
        prefix, space = "mcp__iapeer-memory__", None
    else:
        bed.wire_codex(port)
        bed.trust_codex()
        bed.allow_codex()
        prefix, space = "", "mcp__iapeer_memory"
    steps: list[Say | Use] = [
        Use(f"{prefix}memory_search", {"query": "gannets"}, namespace=space),
        Use(f"{prefix}memory_write", note, namespace=space),
        Say("finished"),
    ]
    with Model(steps) as model:
        if kind == "claude":
            bed.claude(harnesses).session(bed.peer, model)
        else:
            bed.codex(harnesses).session(bed.peer, model)
    found, written = (result.text for result in model.results)
    assert "seven gannets" in found
    assert "06_Agent_Memory/alpha/Gull.md" in written
    assert bed.read(bed.note("06_Agent_Memory/alpha/Gull.md")).endswith("description: what a gull is\n---\nA gull.\n")
