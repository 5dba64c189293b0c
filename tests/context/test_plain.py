"""Words out of notes: bounded, on one line, without anything that shows nothing or opens something."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.context.author_index import line
from iapeer_memory.context.plain import (
    DESCRIPTION,
    DROPPED,
    FILLERS,
    TITLE,
    TO_BLANK,
    USUAL,
    described,
    name,
    plain,
    word,
)
from iapeer_memory.context.tags import projected
from iapeer_memory.vault.locales import locale
from tests.support.summaries import summary

EN = locale("en")
STRANGE = st.text(
    alphabet=st.characters() | st.sampled_from("<>[]`|#·«»\u202e\u200b\U000e0041\ufe0f\u2029\x85"), max_size=300
)


@given(STRANGE, STRANGE, STRANGE)
def test_a_note_takes_one_bounded_line_whatever_it_says(title: str, description: str, kind: str) -> None:
    note = summary(
        "06_Agent_Memory/me/n.md", title or "x", description=description, subtype=kind, status=kind, updated=kind,
        tags=(kind, title), author=title, last_edited_by=kind,
    )  # fmt: skip
    shown = line(note, "me", EN, {note.path: 3})
    assert len(shown.splitlines()) == 1
    assert len(shown) < TITLE + DESCRIPTION + 250
    assert shown.startswith(("- [[", "- «"))
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") for c in shown)
    assert shown.count("[[") == shown.count("]]") <= 1


@given(STRANGE)
def test_it_is_done_once(text: str) -> None:
    done = plain(text, 80)
    assert len(done) <= 80
    assert plain(done, 80) == done


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Привет,  мир\n!", "Привет, мир !"),
        ("a <b> `c` [[d]] |e", "a (b> 'c' ((d)) /e"),
        ("e\u0301 \u200bx\u202e", "é x"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\U0001f469"),
        ("password: hunter2", "password: (redacted)"),
        ("a <private>b</private> c", "a c"),
        ("one two three four five six", "one two three…"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text, 18 if text.startswith("one") else 200) == shown


@pytest.mark.parametrize(
    ("title", "path", "shown"),
    [
        ("Plan — «Альфа», v2 (new)", "a/b.md", "[[Plan — «Альфа», v2 (new)]]"),
        ("A -> B", "a/b.md", "[[A -> B]]"),
        ("[WIP] A", "a/WIP A.md", "[[WIP A]]"),
        ("A#b", "a/A^b.md", "«A#b»"),
        ("x" * 200, "a/" + "y" * 200 + ".md", "«" + "x" * (TITLE - 1) + "…»"),
        ("e\u0301", "a/b.md", "[[e\u0301]]"),
        ("...", "a/---.md", "«...»"),
    ],
)
def test_what_a_note_is_called(title: str, path: str, shown: str) -> None:
    assert name(title, path) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        ("\u200b ", ""),
        ("Is it v1.2? Yes.", "«Is it v1.2?»"),
        ("says «no»", "«says “no”»"),
        ("word " * 40 + ".", f"«{('word ' * 23).strip()}…»"),
        ("a" * 300, "«" + "a" * (DESCRIPTION - 1) + "…»"),
    ],
)
def test_a_description(text: str | None, shown: str) -> None:
    assert described(text) == shown


def test_a_word_keeps_its_place_in_the_row() -> None:
    assert word("current · trusted, reviewed") == "current - trusted- reviewed"


def test_the_tags_of_a_dictionary() -> None:
    rows = "| Tag | Boundary |\n| --- | --- |\n| billing | what [[customers]] owe |\n| `infra` | — |\n| <b> | x |\n"
    assert projected(rows, widest=160) == "billing — what ((customers)) owe\ninfra\n(b> — x\n"
    many = "| a | b |\n|---|---|\n" + "".join(f"| t{n} | long words here |\n" for n in range(900))
    assert projected(many, widest=8).splitlines()[0] == "t0 — long wor…"
    assert len(projected(many, widest=8).splitlines()) == 400
    assert projected("no table", widest=160) == ""


def test_usual_characters_stay_as_they_are() -> None:
    usual = [chr(code) for code in range(0x10000) if USUAL.fullmatch(chr(code))]
    kinds = {unicodedata.category(char) for char in usual if char != " "}
    assert not kinds & (TO_BLANK | DROPPED | {"Mn", "Me"})
    assert not FILLERS & set(usual)
    assert unicodedata.is_normalized("NFC", "".join(usual))
