"""Stamps as moments, and how fresh they are; and what git's reflog tells."""

from __future__ import annotations

import time

import pytest

from iapeer_memory.curation.moment import fresh, parse, stamp_text, younger
from iapeer_memory.curation.pull import pulled

NOW = 1_777_888_999.0
A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"])
def test_the_three_forms_are_local_time(form: str) -> None:
    text = time.strftime(form, time.localtime(NOW))
    moment = parse(f" {text} ")
    assert moment is not None and time.strftime(form, time.localtime(moment)) == text


@pytest.mark.parametrize("text", [None, "", "soon", "2026-13-01", "2026-02-30 10:00", "2026-05-04T10:00:00", "x" * 19])
def test_what_is_no_stamp_is_neither_old_nor_young(text: str | None) -> None:
    assert parse(text) is None
    assert not younger(text, NOW, 90) and not fresh(text, NOW, NOW, 90)


@pytest.mark.parametrize(
    ("age", "mtime_age", "is_fresh"),
    [
        (89, 10_000, True),
        (91, 10_000, False),
        (-5000, 10_000, True),  # a stamp from the future
        (5000, 5001, True),  # set together with the last write, seen hours later
        (5000, 5089, True),
        (5000, 4911, True),
        (5000, 4900, False),
    ],
)
def test_a_stamp_is_fresh_by_the_clock_or_by_the_file(age: int, mtime_age: int, is_fresh: bool) -> None:
    assert fresh(stamp_text(NOW - age), NOW - mtime_age, NOW, 90) is is_fresh


@pytest.mark.parametrize(
    ("entries", "moved"),
    [
        ([], False),
        ([("pull: Fast-forward", 5)], True),
        ([("checkout: moving from a to b", 5)], True),
        ([("reset: moving to HEAD~1", 59)], True),
        ([("pull: Fast-forward", 61)], False),
        ([("commit: notes", 5)], False),
        ([("commit (initial): notes", 5)], False),
        ([("pull: Fast-forward", 20), ("commit: notes", 5)], True),
        ([("pull: Fast-forward", 500), ("commit: notes", 5)], False),
        ([(None, 5)], False),
    ],
)
def test_git_tells_of_a_pull(entries: list[tuple[str | None, int]], moved: bool) -> None:
    lines = [
        f"{A} {B} Anna <a@example.org> {int(NOW) - age} +0300" + (f"\t{action}" if action else "")
        for action, age in entries
    ]
    assert pulled("\n".join(["cut off", *lines, ""]).encode(), NOW, 60) is moved
