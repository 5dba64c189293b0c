"""What harnesses have remembered by themselves before there was a shared memory: `init` says how to bring it in."""

from __future__ import annotations

import re

from tests.support.bed import Bed


def test_init_says_how_to_bring_a_harness_s_own_memories_in(bed: Bed) -> None:
    slug = re.sub("[^A-Za-z0-9]", "-", str(bed.peer("alpha")))
    claude = bed.home / ".claude/projects" / slug / "memory"
    codex = bed.home / ".codex/memories"
    for folder, names in ((claude, ("MEMORY.md", "ports.md")), (codex, ("MEMORY.md", "memory_summary.md"))):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text("What was learned.\n")
    told = bed.init("alpha", "beta").out
    first = f"iapeer-memory migrate --source {claude} --agent alpha"
    second = f"iapeer-memory migrate --source {codex} --agent alpha (or beta)"
    assert f"1 note that a harness has kept by itself; what would move: {first}\n" in told
    assert f"what would move: {second}\n" in told
    assert bed.ok("init", "--non-interactive", "--json").json()["migrate"][0] == first
    assert bed.ok(*first.split()[1:]).out.endswith("1 to migrate; nothing was changed, --apply moves them\n")
    bed.ok(*first.split()[1:], "--apply")
    assert first not in bed.ok("init", "--non-interactive").out
    assert (codex / "MEMORY.md").exists()
