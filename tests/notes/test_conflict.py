"""What a sync tool brings, told from what people write."""

from __future__ import annotations

import pytest

from iapeer_memory.notes.conflict import has_conflict_marks, is_conflict_copy

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
