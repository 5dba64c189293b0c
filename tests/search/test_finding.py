"""Which notes a question finds, over a real index."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.index.records import Filter
from tests.support.searched import asked, linked, note, titles


def test_all_words_come_before_some(tmp_path: Path) -> None:
    notes = [note("some.md", "fox fox fox"), note("all.md", "the fox and then after a long while also a bear")]
    payload = asked(tmp_path, "fox bear", *notes)
    assert titles(payload) == ["all", "some"]
    assert payload["pipeline"]["widened"] == ["some"]


@pytest.mark.parametrize(
    ("question", "widened"),
    [
        ("How do we deploy the thing, and what is the password?", ["some"]),
        ("deploying", []),
        ("deplyo", ["spelling"]),
        ("dep", ["prefix"]),
        ("blue-green", []),
        ('"no such phrase" deploy', ["words", "some"]),
    ],
)
def test_a_question_is_widened_until_something_is_found(tmp_path: Path, question: str, widened: list[str]) -> None:
    notes = [note("a.md", "The deploy uses a blue-green switch."), note("b.md", "Bread needs flour.")]
    payload = asked(tmp_path, question, *notes)
    assert titles(payload) == ["a"]
    assert set(payload["pipeline"]["widened"]) >= set(widened) - {"prefix"}


def test_a_quoted_phrase_is_a_phrase(tmp_path: Path) -> None:
    notes = [note("a.md", "the fox is red"), note("b.md", "a red fox"), note("c.md", "red things and a fox")]
    assert titles(asked(tmp_path, '"red fox"', *notes)) == ["b"]
    assert titles(asked(tmp_path / "2", '"fox bear"', *notes))[0] in {"a", "b", "c"}
    assert titles(asked(tmp_path / "3", '"is red" fox', *notes)) == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "IAPEER_MEMORY_RRF_K", "src/search/engine.py", "fooBarBaz", "std::vec::Vec", "v1.14.2", "E-1042",
        "TypeError: cannot read properties of undefined (reading 'map')", "10,000", "user@example.org", "C:\\Temp\\log",
        "--force-with-lease", "0x7fff5fbff8c0",
    ],
)  # fmt: skip
def test_what_is_written_in_one_is_found_whole(tmp_path: Path, text: str) -> None:
    parts = " also ".join("".join(c if c.isalnum() else " " for c in text).split()[::-1])
    notes = [note(f"parts {n}.md", f"{parts[:-1]} and much more " * 3) for n in range(3)]
    payload = asked(tmp_path, text, *notes, note("whole.md", f"Yesterday we met {text} again, at night."))
    assert titles(payload)[0] == "whole"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("как настроить резервную копию?", "Настройка резервных копий базы данных"),
        ("ошибками", "много ошибок"),
        ("Удаленный", "удалённые серверы"),
        ("where did she buy it", "she bought it there"),
        ("заметк", "заметками пользуются"),
        ("cafe", "au café"),
        ("naïve", "a naive way"),
        ("e\u0301cole", "l'école"),
    ],
)
def test_other_forms_of_a_word_meet(tmp_path: Path, question: str, text: str) -> None:
    assert titles(asked(tmp_path, question, note("a.md", text), note("b.md", "Рецепт bread"))) == ["a"]


@pytest.mark.parametrize("text", ["", "   ", "—", "→ - *", '"', '""', "AND", "NEAR(", "q\0b", "😀", "the of and", "*"])
def test_no_question_is_an_error(tmp_path: Path, text: str) -> None:
    payload = asked(tmp_path, text, note("a.md", "fox"))
    assert payload["query"] == text
    assert payload["results"] == []


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "fox " * 250_000, '"(' * 500_000, "a_" * 500_000, "NOT fox OR " * 90_000]
)
def test_a_megabyte_is_answered(tmp_path: Path, text: str) -> None:
    payload = asked(tmp_path, text, note("b.md", "fox"))
    assert len(payload["query"]) == 500
    assert titles(payload) == (["b"] if "fox" in text else [])


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (Filter(types=("Decision",)), {"a"}),
        (Filter(statuses=("outdated",)), {"b"}),
        (Filter(folders=("01_Knowledge",)), {"b", "c"}),
        (Filter(authors=("ann",)), {"a", "c"}),
        (Filter(tags=("x",)), {"c"}),
        (Filter(since="2025-01-01"), {"b", "c"}),
        (Filter(types=("nothing",)), set()),
        (Filter(), {"a", "b", "c"}),
    ],
)
def test_filters(tmp_path: Path, only: Filter, expected: set[str]) -> None:
    notes = [
        linked("02_Decisions/a.md", "fox", "b", type="decision", author="ann", updated="2024-01-01 00:00:00"),
        linked("01_Knowledge/b.md", "fox", type="knowledge", status="outdated", updated="2025-06-01 00:00:00"),
        linked(
            "01_Knowledge/c.md", "fox", type="knowledge", author="ann", tags=("x/y",), updated="2025-06-01 00:00:00"
        ),
    ]
    assert set(titles(asked(tmp_path, "fox", *notes, only=only))) == expected


def test_limit_and_offset_walk_through_all_of_it_once(tmp_path: Path) -> None:
    notes = [note(f"{n:02}.md", "fox " * (1 + n % 7)) for n in range(60)]
    for limit, count in ((1, 1), (7, 7), (500, 50), (0, 1)):
        assert len(asked(tmp_path / str(limit), "fox", *notes, limit=limit)["results"]) == count
    pages = [asked(tmp_path / f"p{at}", "fox", *notes, limit=7, offset=at) for at in range(0, 70, 7)]
    found = [title for page in pages for title in titles(page)]
    assert sorted(found) == sorted(set(found))
    assert len(found) == 60
    assert [page["pipeline"]["more"] for page in pages] == [True] * 8 + [False] * 2


def test_the_same_question_has_the_same_answer(tmp_path: Path) -> None:
    notes = [note(f"{n:02}.md", "fox and bear") for n in range(30)]
    first = asked(tmp_path / "1", "fox bear", *notes)
    assert titles(first) == [f"{n:02}" for n in range(6)]
    assert asked(tmp_path / "2", "fox bear", *reversed(notes)) == first
