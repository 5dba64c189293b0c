"""The bed's own MCP server, before the official checkers: what the harnesses accept here, a checker accepts too."""

from __future__ import annotations

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.checkers import conforms, inspect
from tests.support.harness.npm import Harnesses
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness


def test_the_inspector_lists_and_calls(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    listed = inspect(harnesses, bed.home, memory.url, "tools/list")
    assert [tool["name"] for tool in listed["tools"]] == ["memory_search"]
    called = inspect(harnesses, bed.home, memory.url, "tools/call", tool="memory_search", query="plan")
    assert called["content"] == [{"type": "text", "text": "NOTE-42 lives here"}]
    assert memory.searches() == ["plan"]


@pytest.mark.parametrize("scenario", ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"])
def test_it_conforms(harnesses: Harnesses, bed: Bed, memory: MemoryServer, scenario: str) -> None:
    verdict = conforms(harnesses, bed.home, memory.url, scenario)
    assert verdict.failed == 0, str(verdict.done)
    assert verdict.passed > 0
