"""Structural edits: what is edited, in which order, and what keeps its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.errors import UsageError
from iapeer_memory.vault import frontmatter
from iapeer_memory.vault.fields import Kind, Op, edit_fields

BLOCK = """\
# on top
title: T: t
tags:
- a

# before b
- 'b'
nested:
  key: value

text: |
  # no comment
  - no item

имя: я
flow: [x, "y, z", q] # c
"""


def edited(block: str, *ops: Op) -> str:
    note = edit_fields(f"---\n{block}---\n\nBody\n".encode(), ops).decode()
    assert note.startswith("---\n")
    assert note.endswith("---\n\nBody\n")
    return note[4 : -len("---\n\nBody\n")]


@pytest.mark.parametrize(
    ("op", "old", "new"),
    [
        (Op("set", "title", "New: one"), "title: T: t\n", 'title: "New: one"\n'),
        (Op("set", "title", ' "quoted" '), "title: T: t\n", 'title: "quoted"\n'),
        (Op("set", "title", "a\nb"), "title: T: t\n", 'title: "a\\nb"\n'),
        (Op("set", "title", "|"), "title: T: t\n", 'title: "|"\n'),
        (Op("set", "title", ""), "title: T: t\n", ""),
        (Op("set", "tags", "[c, d]"), "tags:\n- a\n\n# before b\n- 'b'\n", "tags: [c, d]\n"),
        (Op("set", "nested", "x"), "nested:\n  key: value\n", "nested: x\n"),
        (Op("set", "имя", "ты"), "имя: я\n", "имя: ты\n"),
        (Op("unset", "title"), "title: T: t\n", ""),
        (Op("unset", "text"), "text: |\n  # no comment\n  - no item\n", ""),
        (Op("unset", "имя"), "имя: я\n", ""),
        (Op("unset", "absent"), "", ""),
        (Op("list-add", "tags", "c: d"), "- 'b'\n", "- 'b'\n- \"c: d\"\n"),
        (Op("list-add", "tags", "b"), "", ""),
        (Op("list-add", "flow", "p, r"), '"y, z", q] # c', '"y, z", q, "p, r"] # c'),
        (Op("list-add", "title", "x"), "title: T: t\n", 'title:\n  - "T: t"\n  - x\n'),
        (Op("list-add", "title", "T: t"), "title: T: t\n", 'title:\n  - "T: t"\n'),
        (Op("list-add", "nested", "x"), "nested:\n  key: value\n", "nested:\n  - x\n"),
        (Op("list-add", "text", "x"), "text: |\n  # no comment\n  - no item\n", "text:\n  - x\n"),
        (Op("list-add", "tags", " "), "", ""),
        (Op("list-remove", "tags", "a"), "tags:\n- a\n\n# before b\n", "tags:\n\n# before b\n"),
        (Op("list-remove", "tags", "b"), "- 'b'\n", ""),
        (Op("list-remove", "tags", "c"), "", ""),
        (Op("list-remove", "flow", "y, z"), '[x, "y, z", q]', "[x, q]"),
        (Op("list-remove", "nested", "key: value"), "", ""),
        (Op("list-remove", "title", "T: t"), "title: T: t\n", ""),
        (Op("list-remove", "title", "T"), "", ""),
    ],
)
def test_one_edit_touches_its_own_lines(op: Op, old: str, new: str) -> None:
    assert BLOCK.count(old) == 1 or not old
    once = edited(BLOCK, op)
    assert once == (BLOCK.replace(old, new) if old else BLOCK)
    assert edited(once, op) == once


@pytest.mark.parametrize(("op", "end"), [(Op("set", "k", "v"), "k: v\n"), (Op("list-add", "k", "v"), "k:\n  - v\n")])
def test_a_new_key_comes_last(op: Op, end: str) -> None:
    assert edited(BLOCK, op) == BLOCK + end


def test_the_order_is_fixed() -> None:
    ops = (Op("list-remove", "k", "a"), Op("list-add", "k", "b"), Op("unset", "k"), Op("set", "k", "a"))
    assert edited("", *ops) == "k:\n  - b\n"
    assert edited("k: x\n", Op("list-remove", "k", "a"), Op("list-add", "k", "a")) == "k:\n  - x\n"


def test_the_last_item_takes_the_key_with_it() -> None:
    assert edited("tags:\n  - a\nx: y\n", Op("list-remove", "tags", "a")) == "x: y\n"
    assert edited("tags: [a]\nx: y\n", Op("list-remove", "tags", "a")) == "x: y\n"
    assert edited("tags: a, b\n", Op("list-remove", "tags", "a")) == "tags:\n  - b\n"


def test_a_second_entry_of_the_key_goes() -> None:
    assert edited("a: 1\nb: 2\na: 3\n", Op("set", "a", "4")) == "a: 4\nb: 2\n"


def test_an_item_goes_with_what_is_indented_below_it() -> None:
    block = "tags:\n  - a\n    more\n  - b\n    more\n"
    assert edited(block, Op("list-remove", "tags", "a")) == "tags:\n  - b\n    more\n"


def test_notes_without_frontmatter() -> None:
    assert edit_fields(b"Text", [Op("set", "a", "b")]) == b"---\na: b\n---\n\nText"
    assert edit_fields(b"\xef\xbb\xbfx\r\ny", [Op("set", "a", "b")]) == b"\xef\xbb\xbf---\r\na: b\r\n---\r\n\r\nx\r\ny"
    assert edit_fields(b"", [Op("list-add", "a", "b")]) == b"---\na:\n  - b\n---\n"
    assert edit_fields(b"Text", [Op("unset", "a")]) == b"Text"
    assert edit_fields(b"\xff", []) == b"\xff"


def test_crlf_stays() -> None:
    note = b"---\r\na: 1\r\nt:\r\n- x\r\n---\r\nBody\xff\r\n"
    new = edit_fields(note, [Op("set", "a", "2"), Op("set", "b", "3"), Op("list-add", "t", "y")])
    assert new == b"---\r\na: 2\r\nt:\r\n- x\r\n- y\r\nb: 3\r\n---\r\nBody\xff\r\n"


@pytest.mark.parametrize("key", ["", " a", "a: b", "a:", "- a", "-", "#a", "a\nb", "[a]"])
def test_what_cannot_be_a_key(key: str) -> None:
    with pytest.raises(UsageError):
        edit_fields(b"---\na: 1\n---\n", [Op("set", key, "x")])


KINDS = st.sampled_from(["set", "unset", "list-add", "list-remove"])
LINES = st.sampled_from(
    ["k: v", "k:", "- a", "  - b", "k: [a", "k: [a, b]", "# c", "", "x: |", "  text", "é: é", "k: 'v"]
)


@given(st.lists(LINES, max_size=8), KINDS, st.sampled_from(["a", "b: c", "v", "[x]", "]", "'"]))
def test_any_block(lines: list[str], kind: Kind, value: str) -> None:
    data = "".join(["---\n", *(f"{line}\n" for line in lines), "---\n\nBody"]).encode()
    new = edit_fields(data, [Op(kind, "k", value)])
    assert edit_fields(new, [Op(kind, "k", value)]) == new
    assert new.endswith(b"Body")
    keys = frontmatter.read(frontmatter.split_bytes(new).block)
    if kind == "list-add":
        items = keys["k"]
        assert isinstance(items, tuple)
        assert value in items
    if kind == "unset":
        assert "k" not in keys
