"""The YAML-safe rule, value by value, and that it settles at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.vault import safe_yaml, scalar


@pytest.mark.parametrize(
    ("raw", "after"),
    [
        ("", None),
        ("plain text", None),
        ("a:b", None),
        ("C#", None),
        ("|", None),
        (">-", None),
        ("|2+ # c", None),
        ("|x", '"|x"'),
        ('"sound"', None),
        ('"sound" # with a comment', None),
        ("'it''s'", None),
        ("[A, B]", None),
        ("[a, [b, 'c]']]", None),
        ("{a: 1}", None),
        ("[[Note]]", '"[[Note]]"'),
        ("[[Note]] and", '"[[Note]] and"'),
        ("[open", '"[open"'),
        ("[a] b", '"[a] b"'),
        ("{open", '"{open"'),
        ("a: b", '"a: b"'),
        ("a:", '"a:"'),
        (": a", '": a"'),
        ("- a", '"- a"'),
        ("-a", None),
        ("a #b", '"a #b"'),
        ("a\tb", '"a\\tb"'),
        ("a\rb", '"a\\rb"'),
        ("a\x01\x7f\u2028b", '"a\\x01\\x7f\\u2028b"'),
        ('say "a: b"', '"say \\"a: b\\""'),
        ('a\\b: "c"', '"a\\\\b: \\"c\\""'),
        ("«text»", None),
        ("«a: b»", '"a: b"'),
        ("«a «b: c» d»", '"a «b: c» d"'),
        ("«X: a» … «Y»", '"«X: a» … «Y»"'),
        ("«a: b", '"«a: b"'),
        ('"dangling', '"dangling"'),
        ("'dangling", '"dangling"'),
        ('"X" and "Y"', '"\\"X\\" and \\"Y\\""'),
        ("'don't do", "\"'don't do\""),
        ('"C:\\dir"', '"C:\\\\dir"'),
        ('"C:\\dir" # c', '"C:\\\\dir" # c'),
        ('"a\tb"', None),
        ("'it''s \x01'", '"it\'s \\x01"'),
        ('"a\\n\\u0434"', None),
        ('"a\\u04"', '"a\\\\u04"'),
        *((f"{sign}a", f'"{sign}a"') for sign in "!&*?%@`,]}#"),
    ],
)
def test_safe(raw: str, after: str | None) -> None:
    assert safe_yaml.safe(raw) == (raw if after is None else after)


def test_a_word_may_be_followed_by_a_comment() -> None:
    assert safe_yaml.safe("draft # for now", comments=True) == "draft # for now"
    assert safe_yaml.safe("a: draft # for now", comments=True) == '"a: draft # for now"'


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\"'\\[]{}«»:# \t,|>-"), max_size=20))
def test_it_settles_and_what_it_wrote_is_read_back(text: str) -> None:
    raw = text.strip()
    once = safe_yaml.safe(raw)
    assert safe_yaml.safe(once) == once
    assert once == "" or safe_yaml.is_clean(once) or not safe_yaml.is_unsafe(once)
    assert scalar.read(safe_yaml.quoted(text)) == text
    assert scalar.read(safe_yaml.plain(text)) == text
    assert [scalar.read(item) for item in scalar.flow_items(f"[{safe_yaml.item(text)}, b]")[0]] == [text, "b"]
