"""What a sync tool brings, told from what people write."""

from __future__ import annotations

import pytest

from iapeer_memory.notes.conflict import Arrival, bulk_arrivals, has_conflict_marks, is_conflict_copy

SIBLINGS = ("Plan.md", "Phase 2.md")


@pytest.mark.parametrize(
    ("name", "cloud", "copy"),
    [
        ("Plan.sync-conflict-20260101-120000-ABCDEFG.md", False, True),
        ("Plan (conflicted copy 2026-01-01 120000).md", False, True),
        ("Plan (Anna's conflicted copy 2026-01-01).md", False, True),
        ("Plan (Case Conflict).md", False, True),
        ("План (конфликтующая копия, сделанная Анной 2026-01-01).md", False, True),
        ("Plan (SFConflict anna@example.org 2026-01-01-12-00-00).md", False, True),
        ("Plan 2.md", True, True), ("Plan 2.md", False, False), ("Phase 2.md", True, False),
        ("Plan 2026.md", True, False),
        ("Plan.md", True, False), ("On conflicted copies.md", True, False), ("2.md", True, False), ("", True, False),
    ],
)  # fmt: skip
def test_which_names_are_copies(name: str, cloud: bool, copy: bool) -> None:
    assert is_conflict_copy(name, SIBLINGS, cloud=cloud) is copy


@pytest.mark.parametrize(
    ("data", "marks"),
    [
        (b"<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> main\n", True),
        (b"a\r\n<<<<<<< HEAD\r\nours\r\n=======\r\ntheirs\r\n>>>>>>> main\r\nb", True),
        (b"Heading\n=======\ntext\n", False), (b"<<<<<<< is how git\n", False), (b"", False),
        (b">>>>>>> a\n=======\n<<<<<<< b\n", False),
    ],
)  # fmt: skip
def test_marks_of_git(data: bytes, marks: bool) -> None:
    assert has_conflict_marks(data) is marks


def arrivals(count: int, *, every: float = 0.1, mtime: float = 0.0, stamp: float | None = None) -> list[Arrival]:
    """`mtime` and `stamp`: seconds before it was seen."""
    return [
        Arrival(f"{n}.md", seen=(at := 1e9 + n * every), mtime=at - mtime, stamp=None if stamp is None else at - stamp)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("given", "git_moved", "brought"),
    [
        (arrivals(50), None, 0),
        (arrivals(50, mtime=1000), None, 50),
        (arrivals(50, stamp=1000), None, 50),
        (arrivals(50, stamp=5), None, 0),
        (arrivals(50), 1e9 + 1, 50),
        (arrivals(50), 1e9 - 3600, 0),
        (arrivals(19, mtime=1000), None, 0),
        (arrivals(50, every=2, mtime=1000), None, 0),
        ([*arrivals(30, mtime=1000), Arrival("mine.md", seen=1e9 + 100, mtime=1e9 + 100, stamp=None)], None, 30),
        ([], None, 0),
    ],
)
def test_what_came_in_bulk(given: list[Arrival], git_moved: float | None, brought: int) -> None:
    found = bulk_arrivals(given, git_moved=git_moved)
    assert len(found) == brought and "mine.md" not in found
