"""Cutting notes into passages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.index.passages import cut


@given(st.text(alphabet="ab .\n#`-", max_size=600), st.integers(20, 120))
def test_no_word_is_lost_or_doubled(body: str, size: int) -> None:
    joined = " ".join(p.text for p in cut(body, size=size))
    assert joined.replace(" ", "").replace("\n", "") == body.replace(" ", "").replace("\n", "")


def test_headings_begin_passages_and_fences_stay_whole() -> None:
    body = "# One\n\n" + "a " * 200 + "\n\n## Two\n\n```\nx\n\n# no heading\n```\n"
    texts = [p.text for p in cut(body, size=500)]
    assert len(texts) == 2
    assert texts[1].startswith("## Two")
    assert "# no heading" in texts[1]


def test_long_paragraphs_are_cut_between_words() -> None:
    texts = [p.text for p in cut("word " * 1000, size=100)]
    assert all(len(t) <= 100 and set(t.split()) == {"word"} for t in texts)
