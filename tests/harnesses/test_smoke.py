"""The short form: one whole session of each harness, the trust formula, and one story of the finished product.

For CI, where the cache is there.
"""

from __future__ import annotations

import pytest

from tests.support.harness.bed import SERVER, Bed
from tests.support.harness.model import Model, Say, Step, Use
from tests.support.harness.npm import Harnesses
from tests.support.harness.product import Product, a_note_travels
from tests.support.harness.server import MemoryServer
from tests.support.harness.trust import hook_hash

pytestmark = pytest.mark.harness


def test_claude_from_session_start_to_the_answer_of_the_memory(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer
) -> None:
    bed.wire_claude(memory.port, start="CONTEXT-ALPHA", stamp=True)
    bed.approve_claude()
    bed.allow_claude()
    assert bed.claude(harnesses).mcp_list(bed.peer).status(SERVER) == "connected"
    note = bed.note("plan.md")
    steps: list[Step] = [
        Use("Write", {"file_path": note, "content": "first\nsecond\n"}),
        Use("Edit", {"file_path": note, "old_string": "second", "new_string": "third"}),
        Use("mcp__iapeer-memory__memory_search", {"query": "plan"}),
        Say("finished"),
    ]
    with Model(steps) as model:
        session = bed.claude(harnesses).session(bed.peer, model)
    assert session.result["result"] == "finished", str(session.done)
    assert "CONTEXT-ALPHA" in model.text("system")
    assert [one.payload["tool_name"] for one in bed.fired("post-write")] == ["Write", "Edit"]
    assert bed.read(note) == "---\nstamped: 5\n---\nfirst\nthird\n"
    assert memory.searches() == ["plan"]
    assert model.results[-1].text == "NOTE-42 lives here"
    assert memory.called("tools/call")[0].headers["x-iapeer-identity"] == "claude-alpha"


def test_codex_from_trust_to_the_answer_of_the_memory(harnesses: Harnesses, bed: Bed, memory: MemoryServer) -> None:
    bed.wire_codex(memory.port, start="CONTEXT-ALPHA")
    bed.trust_codex()
    bed.allow_codex()
    codex = bed.codex(harnesses)
    hooks = codex.hooks(bed.peer)
    assert {hook.trust for hook in hooks} == {"untrusted"}
    for hook in hooks:
        event = hook.event[0].upper() + hook.event[1:]
        assert hook.hash == hook_hash(event, {}, {"command": hook.command})
    bed.trust_hooks(*hooks)
    note = bed.note("plan.md")
    patch = f"*** Begin Patch\n*** Add File: {note}\n+first\n*** End Patch"
    steps: list[Step] = [
        Use("apply_patch", {"input": patch}, custom=True),
        Use("memory_search", {"query": "plan"}, namespace="mcp__iapeer_memory"),
        Say("finished"),
    ]
    with Model(steps) as model:
        session = codex.session(bed.peer, model)
    assert [item["text"] for item in session.items("agent_message")] == ["finished"], str(session.done)
    assert "CONTEXT-ALPHA" in model.text("developer")
    assert [one.payload["tool_name"] for one in bed.fired("post-write")] == [
        "apply_patch", "mcp__iapeer_memory__memory_search",
    ]  # fmt: skip
    assert bed.read(note) == "first\n"
    assert memory.searches() == ["plan"]
    assert "NOTE-42 lives here" in model.results[-1].text
    assert memory.called("tools/call")[0].headers["x-iapeer-identity"] == "codex-alpha"


def test_the_product_carries_a_note_of_claude_to_codex(product: Product) -> None:
    answer = a_note_travels(product, "claude", "codex")
    assert "Harbour" in answer and "seven" in answer, answer


def test_the_product_carries_a_note_of_codex_to_claude_through_the_bridge(product: Product) -> None:
    product.env["IAPEER_MEMORY_TRANSPORT"] = "attach"
    answer = a_note_travels(product, "codex", "claude")
    assert "Harbour" in answer and "seven" in answer, answer
