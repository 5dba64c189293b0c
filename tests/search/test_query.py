"""What is sought, from any text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.index.stems import Stemmer
from iapeer_memory.search.kindred import kindred
from iapeer_memory.search.query import MOST_WORDS, understand


def sought(text: str) -> list[str]:
    return [" ".join(thing.words) for thing in understand(text, Stemmer()).sought]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Foo, foo bar!", ["foo", "bar"]),
        ("what is the plan", ["plan"]),
        ("what is it", ["what", "is", "it"]),
        ("и не в на", ["и", "не", "в", "на"]),
        ("что делать с копиями", ["делать", "копиями"]),
        ("Don’t touch Melanie's cat", ["touch", "melanie", "cat"]),
        ("snake_case src/app.py a.b.c", ["snake case", "src app py", "a b c"]),
        ("blue-green 10,000 E-1042", ["blue green", "10 000", "e 1042"]),
        ('find "to be or not" now', ["to be or not", "find", "now"]),
        ("«красный лис» бежит", ["красный лис", "бежит"]),
        ('an "unfinished quote', ["unfinished", "quote"]),
        ("И\u0306од ЁЛКА café", ["йод", "елка", "cafe"]),
        ("→ — * ( AND )", ["and"]),
        ("", []),
        ("— … 😀", []),
    ],
)
def test_what_is_sought(text: str, expected: list[str]) -> None:
    assert sought(text) == expected


def test_only_what_stands_in_quotation_marks_is_insisted_on() -> None:
    asked = understand('"red fox" bear', Stemmer())
    assert [(thing.words, thing.quoted) for thing in asked.sought] == [(("red", "fox"), True), (("bear",), False)]
    assert asked.insists
    assert not understand("red fox", Stemmer()).insists


@given(st.text(max_size=200))
def test_any_text_is_understood(text: str) -> None:
    asked = understand(text, Stemmer())
    assert all(word and any(c.isalnum() for c in word) for thing in asked.sought for word in thing.words)
    assert sum(len(thing.words) for thing in asked.sought) <= MOST_WORDS


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "a b " * 250_000, '" ' * 500_000, "().*:^" * 170_000, "z_" * 500_000]
)
def test_a_megabyte_is_as_cheap_as_a_page(text: str) -> None:
    began = time.process_time()
    understand(text[:4_000], Stemmer())
    page = time.process_time() - began
    began = time.process_time()
    asked = understand(text, Stemmer())
    assert time.process_time() - began < max(page, 0.005) * 20
    assert sum(len(thing.words) for thing in asked.sought) <= MOST_WORDS


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("ошибок", "ошибки"),
        ("ошибками", "ошибок"),
        ("настроек", "настройка"),
        ("настройку", "настроек"),
        ("планирует", "планировал"),
        ("планировать", "планируют"),
        ("отключат", "отключить"),
        ("отключили", "отключат"),
        ("переношу", "переносил"),
        ("проводить", "провожу"),
    ],
)  # fmt: skip
def test_russian_stems_that_part_meet_again(word: str, other: str) -> None:
    stemmer = Stemmer()
    (stem,) = stemmer.stems(word)
    assert stemmer.stems(other)[0] in {found for form in kindred(word, stem) for found in stemmer.stems(form)}


@pytest.mark.parametrize(("word", "other"), [("buy", "bought"), ("went", "go"), ("children", "child")])
def test_irregular_english_forms(word: str, other: str) -> None:
    assert other in kindred(word, word)
