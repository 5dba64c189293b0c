"""The piece of a note that is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.index.stems import Stemmer, composed
from iapeer_memory.search.snippet import SHELL, Marker, Terms, snippet


def cut(passages: list[str], asked: str, opening: str = "", locale: str = "en") -> str:
    stemmer = Stemmer()
    terms = Terms({stem: at for at, word in enumerate(asked.split()) for stem in stemmer.stems(word)})
    return snippet(passages, Marker(terms, stemmer), opening=opening, locale=locale)


def test_it_shows_the_densest_place() -> None:
    text = "a fox here. " + "filler words go here " * 40 + "the red fox ran " + "and more filler " * 40
    shown = cut([text], "red fox")
    assert "[red] [fox]" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 260


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("много ошибок и ошибками", "ошибками", "много ошибок и [ошибками]"),
        ("Настройка серверов", "настройки сервера", "[Настройка] [серверов]"),
        ("She was deploying it", "deployed", "She was [deploying] it"),
        ("удалённый сервер", "удаленного", "[удалённый] сервер"),
        ("au cafe\u0301 bleu", "cafe", "au [café] bleu"),
        ("call getUserName now", "user", "call [getUserName] now"),
        ("see foo_bar.baz there", "bar", "see [foo_bar].baz there"),
        ("call userName3 now", "3", "call [userName3] now"),
        ("she tries it", "try", "she [tries] it"),
        ("the 3users table", "user", "the 3users table"),
        ("İ is long, my_user_name", "user", "İ is long, [my_user_name]"),
        ("the Red RED red", "red", "the [Red] [RED] [red]"),
        ("nothing of it", "zebra", "nothing of it"),
    ],
)
def test_it_marks_words_in_any_form(text: str, asked: str, expected: str) -> None:
    assert cut([text], asked) == expected


@pytest.mark.parametrize(
    ("passages", "opening", "expected"),
    [
        (["# Heading\n\nplain text"], "", "plain text"),
        (["# Zebra\n\nplain text"], "", "plain text"),
        ([], "opening words", "opening words"),
        (["# Only a heading"], "", SHELL["en"]),
        ([""], "", SHELL["en"]),
        (["---\n\n```py\ncode\n```"], "", "code"),
    ],
)
def test_without_a_match_it_shows_prose(passages: list[str], opening: str, expected: str) -> None:
    assert cut(passages, "zebra", opening) == expected


def test_an_empty_note_is_called_so_in_the_language_of_the_vault() -> None:
    assert cut([], "x", locale="ru") == SHELL["ru"] != SHELL["en"]


@given(st.lists(st.text(max_size=600), max_size=3), st.text(max_size=30))
def test_it_is_always_one_short_line(passages: list[str], asked: str) -> None:
    shown = cut(passages, asked)
    assert shown
    assert "\n" not in shown
    assert len(shown.replace("[", "").replace("]", "")) <= 260


PIECES = st.sampled_from(
    [*"_ ._-3", "user", "User", "tries", "try", "ошибок", "Ошибка", "ёж", "Ежа", "café", "İ", "漢字", "X"]
)


@given(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=4).map(" ".join))
def test_it_marks_what_looking_at_every_word_would_mark(text: str, asked: str) -> None:
    stemmer = Stemmer()
    text = composed(text)
    terms = Terms({stem: at for at, word in enumerate(asked.split()) for stem in stemmer.stems(word)})
    every = [(start, end, terms.which(stems)) for start, end, stems in stemmer.places(text)]
    assert Marker(terms, stemmer).marks(text) == [mark for mark in every if mark[2] is not None]


def test_no_word_is_cut() -> None:
    text = " ".join(f"word{n}" for n in range(200))
    words = cut([text], "word77").strip("… ").replace("[", "").replace("]", "").split()
    assert set(words) <= set(text.split())
    assert "word77" in words
