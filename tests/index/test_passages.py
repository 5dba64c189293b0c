"""Cutting notes into passages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.index.passages import SIZE, WHOLE, cut


@given(st.text(alphabet="ab .\n#`-~\t", max_size=600), st.integers(20, 120))
def test_no_word_is_lost_doubled_or_cut(body: str, size: int) -> None:
    joined = " ".join(p.text for p in cut(body, size=size))
    assert "".join(joined.split()) == "".join(body.split())
    if all(len(word) <= size for word in body.split()):
        assert joined.split() == body.split()


def test_headings_begin_passages_and_are_carried() -> None:
    body = "intro\n\n# One\n\n" + "a " * 200 + "\n\n## Two ##\n\nshort\n\n### Three\n\nx\n\n# Four\n\n" + "b " * 300
    found = [p.headings for p in cut(body, size=500)]
    assert found == [("One",), ("One", "Two", "Three", "Four"), ("Four",), ("Four",)]


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_code_stays_whole_and_holds_no_heading(fence: str) -> None:
    code = f"{fence}py\nx = 1\n\n# no heading\n" + "y = 2\n" * 100 + fence
    found = cut(f"before {'word ' * 30}\n{code}\nafter {'word ' * 80}", size=400)
    assert code in [p.text for p in found]
    assert all(p.headings == () for p in found)


def test_code_that_fits_nowhere_is_cut_at_lines() -> None:
    lines = [f"line {n}" for n in range(2000)]
    found = cut("\n".join(("```", *lines, "```")), size=300)
    assert [line for p in found for line in p.text.split("\n")] == ["```", *lines, "```"]
    assert all(len(p.text) <= 300 for p in found)


def test_a_fence_that_nobody_closes_loses_nothing() -> None:
    assert [p.text for p in cut("a\n\n```\nb\n\nc")] == ["a\n\n```\nb\n\nc"]


def test_long_paragraphs_are_cut_between_sentences_then_words() -> None:
    texts = [p.text for p in cut("One two three. " * 100, size=100)]
    assert all(t.endswith(".") and len(t) <= 100 for t in texts)
    texts = [p.text for p in cut("word " * 1000, size=100)]
    assert all(len(t) <= 100 and set(t.split()) == {"word"} for t in texts)


def test_a_long_word_stays_whole_and_what_is_no_word_is_cut() -> None:
    word = "x" * (SIZE * 2)
    assert word in [p.text for p in cut(f"a {word} b")]
    assert max(len(p.text) for p in cut("x" * 100_000)) <= SIZE * WHOLE


@pytest.mark.parametrize("body", ["x" * 5_000_000, "a b " * 1_250_000, "\n# h\n" * 500_000, "```\n" * 500_000])
def test_what_is_huge_is_cut_all_the_same(body: str) -> None:
    assert sum(len(p.text.replace("\n", "").replace(" ", "")) for p in cut(body)) == len(
        body.replace("\n", "").replace(" ", "")
    )
