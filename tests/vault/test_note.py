"""Reading notes: what the fences hold, and that no bytes are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.vault import frontmatter
from iapeer_memory.vault.frontmatter import Value
from iapeer_memory.vault.note import parse


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [
        ("title: Plain", "title", "Plain"),
        ("title:Plain", "title", None),
        ("title: a: b", "title", "a: b"),
        ('title: "a: \\"b\\" \\u0434" # note', "title", 'a: "b" д'),
        ("title: 'it''s'", "title", "it's"),
        ("title: «Имя: да»", "title", "«Имя: да»"),
        ("title: x # comment", "title", "x"),
        ("title: C#", "title", "C#"),
        ("title:", "title", ""),
        ("title: 2026-07-03", "title", "2026-07-03"),
        ("tags: [a, 'b, c', \"d\"]", "tags", ("a", "b, c", "d")),
        ("tags: [a, b", "tags", ("a", "b")),
        ("tags: []", "tags", ()),
        ("tags:\n  - a\n\n  - b\nnext: 1", "tags", ("a", "b")),
        ("tags:\n- a\n- 'b'\n", "tags", ("a", "b")),
        ("tags:\n- a\nstatus: x", "status", "x"),
        ("description: |\n  one\n  two\nstatus: x", "description", "one\ntwo"),
        ("description: >-\n  one\n  two\nstatus: x", "status", "x"),
        ("link: [[Other]]", "link", "[[Other]]"),
        ("имя: x\ntitle: y", "title", "y"),
        ("<<<<<<< HEAD\ntitle: y\n=======", "title", "y"),
        ("title: first\ntitle: second", "title", "first"),
    ],
)
def test_read(block: str, key: str, value: Value | None) -> None:
    assert frontmatter.read(block).get(key) == value


@pytest.mark.parametrize(
    ("text", "block", "body"),
    [
        ("---\na: 1\n---\nbody", "a: 1\n", "body"),
        ("---  \na: 1\n---\t\nbody", "a: 1\n", "body"),
        ("\ufeff---\r\na: 1\r\n---\r\nbody\r\n", "a: 1\n", "body\n"),
        ("---\na: 1\n---", "a: 1\n", ""),
        ("---\n---\nbody", None, "---\n---\nbody"),
        ("---\na: 1\nbody", None, "---\na: 1\nbody"),
        ("body\n---\na: 1\n---\n", None, "body\n---\na: 1\n---\n"),
        ("", None, ""),
    ],
)
def test_split(text: str, block: str | None, body: str) -> None:
    found = frontmatter.split(text)
    assert (found.block, found.body) == (block, body)


def test_parse() -> None:
    note = parse(
        "01_Knowledge/Name.md",
        "---\ntitle:\nstatus: Current\ntags: one,#two\ncoauthors:\n  - b\nauthor: a\n---\nText\0 и\n".encode(),
    )
    assert (note.title, note.status, note.tags) == ("Name", "Current", ("one", "two"))
    assert (note.author, note.coauthors, note.type) == ("a", ("b",), None)
    assert note.body == "Text  и\n"


def test_a_name_with_a_line_break_makes_a_title_of_one_line() -> None:
    assert parse("a\nb .md", b"").title == "a b"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_note(data: bytes) -> None:
    assert parse("x.md", data).title


@given(st.text(alphabet="-:'\"[]#|> \n\\ax\ufeff\r", max_size=60))
def test_any_block_is_read(text: str) -> None:
    found = frontmatter.read(frontmatter.split("---\n" + text + "\n---\n").block)
    assert all(key and key == key.strip() for key in found), found
