"""The saved samples of hook payloads are what today's pinned harnesses send, key by key."""

from __future__ import annotations

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.npm import Harnesses
from tests.support.harness.payloads import PEER, VAULT, sample, shape
from tests.support.harness.record import anonymous, claude_payloads, codex_payloads
from tests.support.harness.server import MemoryServer

pytestmark = pytest.mark.harness


@pytest.mark.parametrize("collect", [claude_payloads, codex_payloads], ids=["claude", "codex"])
def test_the_samples_have_the_shape_of_real_payloads(
    harnesses: Harnesses, bed: Bed, memory: MemoryServer, collect: object
) -> None:
    assert callable(collect)
    payloads = collect(harnesses, bed, memory)
    real = {name: shape(anonymous(one, bed)) for name, one in payloads.items()}
    assert real == {name: shape(sample(name)) for name in payloads}
    assert {sample(name)["cwd"] for name in payloads} == {PEER}


def test_where_a_hook_finds_the_note_that_was_written() -> None:
    assert sample("claude-write-new")["tool_input"]["file_path"] == f"{VAULT}/plan.md"
    assert f"*** Add File: {VAULT}/plan.md" in sample("codex-apply-patch")["tool_input"]["command"]
    assert f"A {VAULT}/plan.md" in sample("codex-apply-patch")["tool_response"].splitlines()
    assert sample("codex-shell")["tool_name"] == "Bash"
