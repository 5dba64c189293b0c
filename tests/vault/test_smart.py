"""The smart hash against an implementation of its own, written from the rule alone."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.vault.smart import smart_hash


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def slow(data: bytes) -> str:
    """The rule once more, by regular expressions on text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return sha(data)
    found = re.match(r"---[ \t\r]*\n((?:.*\n)+?)---[ \t\r]*(?:\n|\Z)", text)
    if found is None or re.match(r"---[ \t\r]*\n---[ \t\r]*(?:\n|\Z)", text):
        return sha(data)
    block = re.sub(r"(?m)^(?:last_edited_by|updated|needs_review)[ \t]*:.*\n", "", found[1])
    return sha((block + "\n---\n" + text[found.end() :]).encode())


@pytest.mark.parametrize(
    ("data", "hashed"),
    [
        (b"---\na: 1\nupdated: x\n---\nbody\n", b"a: 1\n\n---\nbody\n"),
        (b"---\nneeds_review: true\nlast_edited_by: x\nupdated: y\n---\n\nbody", b"\n---\n\nbody"),
        (b"---\na: 1\n---\nbody", b"a: 1\n\n---\nbody"),
        (b"---\na: 1\n---", b"a: 1\n\n---\n"),
        (b"\xef\xbb\xbf---\na: 1\n---\nb", b"a: 1\n\n---\nb"),
        (b"---\r\na: 1\r\nupdated: x\r\n---\r\nb\r\n", b"a: 1\r\n\n---\nb\r\n"),
        (b"---  \na: 1\n---\t\nb", b"a: 1\n\n---\nb"),
        (b"---\nupdated_at: x\n  updated: y\n---\nb", b"updated_at: x\n  updated: y\n\n---\nb"),
        (b"---\nupdated : x\nupdated\n---\nb", b"updated\n\n---\nb"),
        (b"---\na: 1\n---\nupdated: x\n---\n", b"a: 1\n\n---\nupdated: x\n---\n"),
        ("---\nимя: я\n---\nда\u2028".encode(), "имя: я\n\n---\nда\u2028".encode()),
    ],
)
def test_vectors(data: bytes, hashed: bytes) -> None:
    assert smart_hash(data) == sha(hashed) == slow(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"body",
        b"\xef\xbb\xbfbody",
        b"---\n---\nbody",
        b"---\nupdated: x\nbody",
        b" ---\na: 1\n---\n",
        b"----\na: 1\n---\n",
        b"---\na: 1\n----\n",
        b"---\nupdated: \xff\n---\nbody",
    ],
)
def test_without_frontmatter_or_utf8_it_is_the_hash_of_the_bytes(data: bytes) -> None:
    assert smart_hash(data) == sha(data) == slow(data)


@given(
    st.lists(
        st.sampled_from(["---\n", "updated: x\n", "a: b\n", "\n", "---", " \n", "\r\n", "\ufeff", "é"]), max_size=9
    )
)
def test_the_two_implementations_agree(parts: list[str]) -> None:
    data = "".join(parts).encode()
    assert smart_hash(data) == slow(data)


@given(st.text(alphabet="ab \n", max_size=30), st.text(alphabet="xy: ", max_size=9), st.sampled_from([0, 1, 2]))
def test_only_service_lines_do_not_count(body: str, value: str, at: int) -> None:
    lines = ["title: t\n", "tags: [a]\n"]
    bare = f"---\n{''.join(lines)}---\n{body}".encode()
    lines.insert(at, f"updated: {value}\n")
    stamped = f"---\n{''.join(lines)}---\n{body}".encode()
    assert smart_hash(stamped) == smart_hash(bare)
    assert smart_hash(stamped + b"!") != smart_hash(stamped)
