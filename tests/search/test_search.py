"""From a question to the payload, over a real index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.port import NoteRecord
from iapeer_memory.index.sqlite.engine import SqliteEngine
from iapeer_memory.memoryd.record import record
from iapeer_memory.search import query
from iapeer_memory.search.engine import Question, answer
from iapeer_memory.search.rank import shown
from iapeer_memory.search.snippet import EMPTY, snippet
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.note import parse


def note(path: str, body: str, **keys: str) -> NoteRecord:
    front = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return record(parse(path, f"---\n{front}---\n{body}".encode() if front else body.encode()), locale("en"))


def asked(tmp_path: Path, text: str, *notes: NoteRecord, **more: Any) -> dict[str, Any]:
    engine = SqliteEngine(RealFiles(), str(tmp_path / "i" / "index.db"), uid=os.getuid())
    writer = engine.writer("f")
    writer.put(notes)
    reader = engine.reader()
    try:
        return answer(reader, locale("en"), Question(text, **more))
    finally:
        reader.close()
        writer.close()


def titles(payload: dict[str, Any]) -> list[str]:
    return [item["title"] for item in payload["results"]]


def test_the_payload_has_exactly_the_shape_of_the_reference(tmp_path: Path) -> None:
    payload = asked(
        tmp_path, "red fox", note("01_Knowledge/Fox.md", "A red fox.", type="knowledge", status="current"), caller="a"
    )
    assert payload == {
        "query": "red fox",
        "results": [
            {
                "title": "Fox",
                "path": "01_Knowledge/Fox.md",
                "type": "knowledge",
                "status": "current",
                "score": 1.0,
                "snippet": "A [red] [fox].",
                "related": [],
            }
        ],
        "pipeline": {
            "bm25": "ok",
            "embedding": "disabled",
            "reranker": "disabled",
            "graph": "ok",
            "caller_agent": "a",
            "for_curation": False,
        },
    }


def test_all_words_come_before_some(tmp_path: Path) -> None:
    notes = [note("some.md", "fox fox fox"), note("all.md", "the fox and then after a long while also a bear")]
    assert titles(asked(tmp_path, "fox bear", *notes)) == ["all", "some"]


def test_a_question_in_a_sentence_finds_what_no_note_holds_whole(tmp_path: Path) -> None:
    notes = [note("a.md", "The deploy uses a blue-green switch."), note("b.md", "Bread needs flour.")]
    assert titles(asked(tmp_path, "How do we deploy the thing, and what is the password?", *notes)) == ["a"]


def test_inflected_russian_words_meet(tmp_path: Path) -> None:
    notes = [note("a.md", "Настройка резервных копий базы данных"), note("b.md", "Рецепт хлеба")]
    assert titles(asked(tmp_path, "как настроить резервную копию?", *notes)) == ["a"]


def test_status_and_place_move_the_score(tmp_path: Path) -> None:
    notes = [
        note("1.md", "fox", title="none"),
        note("2.md", "fox", title="stale", status="outdated"),
        note("3.md", "fox", title="live", status="current"),
        note("4.md", "fox", title="draft", status="draft"),
        note("07_Archive/5.md", "fox", title="archived", status="current"),
    ]
    payload = asked(tmp_path, "fox", *notes)
    assert titles(payload) == ["live", "none", "draft", "archived", "stale"] or titles(payload) == [
        "live", "none", "draft", "stale", "archived",
    ]  # fmt: skip
    scores = {item["title"]: item["score"] for item in payload["results"]}
    assert scores["live"] == 1.0
    assert scores["stale"] < scores["draft"] < scores["none"] < 1.0


@pytest.mark.parametrize(
    ("caller", "curation", "first"),
    [("me", False, "mine"), ("you", False, "yours"), (None, False, "mine"), ("me", True, "mine")],
)
def test_my_own_memory_counts_for_more(tmp_path: Path, caller: str | None, curation: bool, first: str) -> None:
    notes = [
        note("06_Agent_Memory/me/a.md", "fox", title="mine", author="me"),
        note("06_Agent_Memory/you/b.md", "fox", title="yours", author="you"),
    ]
    payload = asked(tmp_path, "fox", *notes, caller=caller, for_curation=curation)
    assert titles(payload)[0] == first
    assert (payload["results"][1]["score"] == 1.0) is (caller is None or curation)


def test_limit(tmp_path: Path) -> None:
    notes = [note(f"{n:02}.md", "fox") for n in range(60)]
    for limit, count in ((1, 1), (7, 7), (500, 50), (0, 1)):
        assert len(asked(tmp_path, "fox", *notes, limit=limit)["results"]) == count


@pytest.mark.parametrize(
    "text", ["", "   ", "—", "→ - *", '"', "AND", "NEAR(", "q\0b", "😀", "x" * 100_000, "the of and"]
)
def test_no_question_is_an_error(tmp_path: Path, text: str) -> None:
    payload = asked(tmp_path, text, note("a.md", "fox"))
    assert payload["query"] == text
    assert payload["results"] == []


@given(st.text(max_size=80))
def test_words_are_words(text: str) -> None:
    for word in query.words(text):
        assert word == word.strip()
        assert any(c.isalnum() for c in word)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Foo-bar, foo", ("foo", "bar")),
        ("what is the plan", ("plan",)),
        ("what is it", ("what", "is", "it")),
        ("Don’t C 7 x", ("don't", "7")),
        ("И\u0306 не", ("й",)),
        ("snake_case", ("snake", "case")),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert query.words(text) == words


@pytest.mark.parametrize(
    ("word", "stem"), [("заметками", "замет"), ("базы", "баз"), ("running", "running"), ("копию", "коп")]
)
def test_stem(word: str, stem: str) -> None:
    assert query.stem(word).startswith(stem)


def test_snippet_shows_the_densest_place() -> None:
    text = "filler words go here " * 40 + "the red fox ran " + "and more filler " * 40
    shown_ = snippet([text], ("red", "fox"), "")
    assert "[red] [fox]" in shown_
    assert shown_.startswith("… ")
    assert shown_.endswith(" …")
    assert len(shown_) < 320


@pytest.mark.parametrize(
    ("passages", "opening", "expected"),
    [
        (("# Heading\n\nplain text",), "", "plain text"),
        ((), "opening words", "opening words"),
        (("",), "", EMPTY),
        (("# Only a heading",), "", "# Only a heading"),
    ],
)
def test_snippet_without_a_match(passages: tuple[str, ...], opening: str, expected: str) -> None:
    assert snippet(passages, ("zebra",), opening) == expected


@given(st.lists(st.text(max_size=300), max_size=3), st.lists(st.text(min_size=1, max_size=5), max_size=4))
def test_any_snippet_is_one_short_line(passages: list[str], terms: list[str]) -> None:
    found = snippet(passages, terms, "")
    assert found
    assert "\n" not in found


def test_halves_are_rounded_up() -> None:
    assert shown(0.0005, 1.0) == 0.001
    assert shown(1, 0) == 0.0
