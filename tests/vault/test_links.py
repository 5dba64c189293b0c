"""Wikilinks: forms, code, snippets, renames, and that no text takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.vault.code import masked
from iapeer_memory.vault.links import Link, renames_of, retarget, wikilinks


@pytest.mark.parametrize(
    ("text", "target", "heading", "alias", "embed"),
    [
        ("[[Name]]", "Name", None, None, False),
        ("[[ Name with blanks ]]", "Name with blanks", None, None, False),
        ("[[Name|as this]]", "Name", None, "as this", False),
        ("[[Name|]]", "Name", None, None, False),
        ("[[Folder/Name.md|a|b]]", "Folder/Name", None, "a|b", False),
        ("[[/Folder/Name.MD]]", "Folder/Name", None, None, False),
        ("[[./Name]]", "Name", None, None, False),
        ("[[Name#Part]]", "Name", "Part", None, False),
        ("[[Name.md#Part#Sub|x # y]]", "Name", "Part#Sub", "x # y", False),
        ("[[Name#^b1]]", "Name", "^b1", None, False),
        ("![[Name#Part]]", "Name", "Part", None, True),
        ("| [[Name\\|as]] |", "Name", None, "as", False),
        ("| [[Name#Part\\|as]] |", "Name", "Part", "as", False),
        ("[[Имя v1.2]]", "Имя v1.2", None, None, False),
        ("[[[Name]]]", "Name", None, None, False),
        ("[[a [[Name]]", "Name", None, None, False),
    ],
)
def test_forms(text: str, target: str, heading: str | None, alias: str | None, embed: bool) -> None:
    assert wikilinks(text) == (Link(target, heading, alias, embed, text),)


@pytest.mark.parametrize(
    "text",
    [
        "[[]]",
        "[[#Here]]",
        "[[#^b]]",
        "[[|x]]",
        "![[picture.png]]",
        "[[paper.PDF#page=2]]",
        "[[a\nb]]",
        "[a](b.md)",
        "\\[[Name]]",
        "[[Name]",
        "`[[Name]]`",
        "`` ` [[Name]] ``",
        "`a\n[[Name]]`",
        "```\n[[Name]]\n```",
        "~~~ md\n[[Name]]\n```\n[[Name]]\n~~~~",
        "> ```\n> [[Name]]\n> ```",
        "- ```sh\n  [[Name]]\n  ```",
        "1. ~~~\n   [[Name]]\n",
        "```\n[[Name]]",
    ],
)
def test_what_is_no_link(text: str) -> None:
    assert wikilinks(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "`a` [[Name]] `b`",
        "`a\n\n[[Name]] `b",
        "``a` [[Name]]",
        "\\`[[Name]]`",
        "```\na\n```\n[[Name]]",
        "- ```\n  a\n  ```\n- [[Name]]",
        "``` a ` b\n[[Name]]",
        "~~~\n~~~ x\n~~~\n[[Name]]",
        "- a ` b\n- [[Name]] `",
        "a `\r\n\r\n[[Name]] `",
        "a ` b\n \t\n[[Name]] `",
        "# a ` b\n[[Name]] `",
        "| a ` |\n| [[Name]] ` |",
    ],
)
def test_links_beside_code(text: str) -> None:
    assert [link.target for link in wikilinks(text)] == ["Name"]


def test_a_snippet_is_a_line_of_the_text_itself() -> None:
    text = "x" * 60 + " `code`\n\tsome [[Name]] words " + "y" * 60
    (link,) = wikilinks(text)
    assert link.snippet == "x" * 36 + " `code` some [[Name]] words " + "y" * 43


def test_links_come_in_order_with_repeats() -> None:
    assert [link.target for link in wikilinks("[[b]] [[a]]\n[[b|c]]")] == ["b", "a", "b"]


def test_retarget() -> None:
    note = "---\nup: '[[Old]]'\n---\n[[Old#h|Old]] ![[A/Old.md]] [[Old\\|x]] `[[Old]]` [[older]] [[ Old ]]\r\n"
    new = retarget(note.encode() + b"\xff", {"Old": "New", "A/Old": "B/New"})
    after = b"---\nup: '[[New]]'\n---\n[[New#h|Old]] ![[B/New.md]] [[New\\|x]] `[[Old]]` [[older]] [[ New ]]\r\n"
    assert new == after + b"\xff"
    assert retarget(new, {"Old": "New"}) == new
    assert retarget("[[и\u0306]]".encode(), {"\u0439": "n"}) == b"[[n]]"


def test_renames_of() -> None:
    assert renames_of("A/Old.md", "B/New.md") == {"A/Old": "B/New", "Old": "New"}
    assert renames_of("A/Old.md", "B/Old.md") == {"A/Old": "B/Old"}
    assert renames_of("A/Old.md", "A/Old.md") == {}


PIECES = st.sampled_from(
    ["[[", "]]", "a", "#", "|", "\n", "\n\n", "`", "```", "~~~", "\\", "!", " ", "- ", "> ", "1. "]
)


@given(st.lists(PIECES, max_size=30))
def test_any_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    hidden = masked(text)
    assert len(hidden) == len(text)
    assert all(new in (old, " ") for old, new in zip(text, hidden, strict=True))
    targets = {link.target for link in wikilinks(text)}
    moved = retarget(text.encode(), {target: f"{target}x" for target in targets}).decode()
    assert {link.target for link in wikilinks(moved)} == {f"{target}x" for target in targets}


SIZE = 200_000


@pytest.mark.parametrize(
    "text",
    [
        "[[" * SIZE,
        "]]" * SIZE,
        "[[x\n" * SIZE,
        "`a` " * SIZE,
        "`" * SIZE,
        "".join("`" * (n % 500) + "a" for n in range(SIZE // 100)),
        "```\n" * SIZE,
        "- " * SIZE + "```",
        "[[a|" * SIZE + "]]",
        "[[x" + "#" * SIZE + "]]",
        "text [[a]] " * (SIZE // 10),
        "long words of a text [[Name]] `x`\n\n" * (SIZE // 10),
    ],
    ids=range(12),
)
def test_time_grows_with_size_and_not_faster(text: str) -> None:
    begin = time.process_time()
    for _ in range(10):
        sum(bytes(500_000))
    yardstick = time.process_time() - begin
    begin = time.process_time()
    wikilinks(text)
    assert time.process_time() - begin < 60 * yardstick
