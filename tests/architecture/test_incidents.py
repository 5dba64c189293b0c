"""Every incident and every pinned behaviour of the reference has tests here, and they are there."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.support.incidents import GROUPS, INCIDENTS, Proved

TESTS = Path(__file__).resolve().parents[1]
LISTS: Mapping[str, tuple[Mapping[int, Proved], int]] = {"incidents": (INCIDENTS, 67), "groups": (GROUPS, 20)}


@cache
def functions(path: str) -> frozenset[str]:
    """The tests of a file that are run without being asked for; none where there is no such file."""
    file = TESTS / path
    if not file.is_file():
        return frozenset()
    found = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
    return frozenset(one.name for one in found if one.name.startswith("test_") and not is_slow(one))


def is_slow(function: ast.FunctionDef) -> bool:
    """Whether it is marked so as a whole."""
    return any(ast.unparse(mark) == "pytest.mark.slow" for mark in function.decorator_list)


def missing(rows: Mapping[int, Proved], count: int) -> list[str]:
    """What is wrong with a list of so many rows."""
    wrong = [f"{number}: no row" for number in range(1, count + 1) if number not in rows]
    wrong += [f"{number}: there is no such number" for number in rows if not 1 <= number <= count]
    for number, row in rows.items():
        if not row.what or "\n" in row.what or not row.tests:
            wrong.append(f"{number}: says nothing, or names no test")
        for name in row.tests:
            path, _, function = name.partition("::")
            if function not in functions(path):
                wrong.append(f"{number}: there is no test {name}")
    return wrong


@pytest.mark.parametrize("name", LISTS)
def test_each_has_its_tests(name: str) -> None:
    assert missing(*LISTS[name]) == []


def test_a_gap_is_seen() -> None:
    here = "architecture/test_incidents.py::test_a_gap_is_seen"
    soak = "stories/test_memory_soak.py::test_ten_minutes_of_everything_at_once"
    good = {1: Proved("x", (here,))}
    assert missing(good, 1) == []
    assert len(missing(good, 2)) == 1
    assert len(missing({2: good[1]}, 1)) == 2
    for row in (
        Proved("", (here,)),
        Proved("x", ()),
        Proved("x", (f"{here}s",)),
        Proved("x", ("no/file.py::test_a",)),
        Proved("x", (soak,)),
    ):
        assert len(missing({1: row}, 1)) == 1, row
