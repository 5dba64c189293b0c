"""What harnesses have remembered by themselves, as values over listings."""

from __future__ import annotations

import shlex

import pytest

from iapeer_memory.domain.peer import Peer
from iapeer_memory.notes.native import Native, natives

ALPHA = Peer("alpha", "/home/me/my work/a", ("claude", "codex"))
BETA = Peer("beta", "/home/me/my-work/a", ("claude", "codex"))
SLUG = "/c/projects/-home-me-my-work-a/memory"


def found(folders: dict[str, list[str]], *peers: Peer, links: dict[str, str] | None = None) -> tuple[Native, ...]:
    """What is found on a host with these folders."""
    return natives(
        peers, lambda folder: folders.get(folder, ()), claude_home="/c", codex_home="/x",
        realpath=lambda path: (links or {}).get(path, path),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "names", "count"),
    [
        (SLUG, ["MEMORY.md", "a.md", "b.md", "x.txt", ".c.md"], 2),
        (SLUG, ["MEMORY.md"], 0),
        ("/c/agent-memory/alpha", ["one.md"], 1),
        ("/c/agent-memory/beta", ["one.md"], 0),
        ("/x/memories", ["MEMORY.md", "memory_summary.md", "raw_memories.md"], 1),
        ("/x/memories", ["memory_summary.md", "rollout_summaries"], 2),
        ("/x/memories", [], 0),
    ],
)
def test_folders_with_notes_are_told(folder: str, names: list[str], count: int) -> None:
    told = found({folder: names, "/x/memories/rollout_summaries": ["1.md", "2.md", "3.txt"]}, ALPHA)
    assert told == ((Native(folder, ("alpha",), count),) if count else ())


def test_a_folder_that_two_share_is_told_once() -> None:
    (shared, codex) = found({SLUG: ["a.md"], "/x/memories": ["memory_summary.md", "MEMORY.md"]}, ALPHA, BETA)
    assert (shared.agents, codex.agents) == (("alpha", "beta"), ("alpha", "beta"))
    assert codex.line().endswith("migrate --source /x/memories --agent alpha (or beta)")


def test_a_harness_that_the_peer_does_not_use_is_not_asked() -> None:
    folders = {SLUG: ["a.md"], "/x/memories": ["memory_summary.md", "MEMORY.md"]}
    assert [n.source for n in found(folders, Peer("a", ALPHA.cwd, ("codex",)))] == ["/x/memories"]
    assert [n.source for n in found(folders, Peer("a", ALPHA.cwd, ("claude",)))] == [SLUG]


def test_a_folder_behind_a_link_is_known_by_both_names() -> None:
    real = "/c/projects/-real-a/memory"
    assert [n.source for n in found({real: ["a.md"]}, ALPHA, links={ALPHA.cwd: "/real/a"})] == [real]


def test_the_command_can_be_pasted() -> None:
    command = Native("/my home/it's/memory", ("alpha",), 1).command
    assert shlex.split(command)[2:] == ["--source", "/my home/it's/memory", "--agent", "alpha"]
