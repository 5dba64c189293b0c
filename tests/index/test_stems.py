"""From words to stems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.index.stems import Stemmer, composed, folded, forms


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ("Running tests, ran", "run test ran"),
        ("заметками Заметки", "заметк заметк"),
        ("Ёлка подъезд й", "елк подъезд й"),
        ("и\u0306", "й"),
        ("Café CAFE\u0301 naïve", "cafe cafe naiv"),
        ("Straße", "strass"),
        ("foo_bar /usr/lib a.b-c", "foo bar usr lib a b c"),
        ("GitHub actions", "github action git hub"),
        ("HTTPServer IDs", "httpserver id http server"),
        ("E0382 v2 3x", "e0382 v2 3x"),
        ("__init__ ___", "init"),
        ("東京x", "東 京 x"),
        ("don’t", "don t"),
        ("", ""),
    ],
)
def test_stream(text: str, stream: str) -> None:
    assert " ".join(Stemmer().stream(text).split()) == stream


def test_a_question_is_what_a_text_holds_in_order() -> None:
    stemmer = Stemmer()
    for text in ("GitHub actions run", "foo_bar baz", "a.b.c d", "Ёлки и getUserName() здесь"):
        assert f" {' '.join(stemmer.stems(text))} " in f" {stemmer.stream('x ' + text + ' y')} "


@given(st.text(max_size=80))
def test_any_text_gives_tokens_of_one_kind(text: str) -> None:
    stemmer = Stemmer(kept=8)
    stream = stemmer.stream(text)
    assert set(stemmer.stems(text)) <= set(stream.split())
    assert all(token.isascii() is False or token.isalnum() for token in stream.split())
    assert stream == Stemmer().stream(text)
    assert all(stemmer.stems(word) == Stemmer().stems(word) for word in (text, *forms(text)))
    for start, end, stems in stemmer.places(composed(text)):
        assert 0 <= start < end and stems


@given(st.text(max_size=40))
def test_folding_is_settled(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert all(form and not form.isspace() for form in forms(text))


def test_the_memory_is_bounded_and_learns_again() -> None:
    learnt: list[tuple[str, str]] = []
    stemmer = Stemmer(lambda form, stem: learnt.append((form, stem)), kept=4)
    words = [f"word{chr(97 + n)}s" for n in range(20)]
    for word in words * 2:
        stemmer.stream(word)
    assert {form for form, _ in learnt} == set(words)
    assert len(stemmer._known) <= 4
    learnt.clear()
    stemmer.forget()
    stemmer.stream(words[0])
    assert learnt == [("wordas", "worda")]
