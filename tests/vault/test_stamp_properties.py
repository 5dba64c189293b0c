"""What holds for any note, hostile ones too: twice is once, the body is the body, nobody's bytes move."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iapeer_memory.vault import frontmatter
from iapeer_memory.vault.block import decode, encode, entries, joined
from iapeer_memory.vault.fences import cut
from iapeer_memory.vault.locales import locale
from iapeer_memory.vault.note import parse
from iapeer_memory.vault.service import bake, clear_review, mark_unstamped
from iapeer_memory.vault.smart import smart_hash
from iapeer_memory.vault.stamp import stamp

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-02-03 04:05:06"
LINES = [
    *("title: a", "title: a: b", "author:", "author: bob", "author: ann", "coauthors:", "coauthors: [a", "tags: []"),
    *("coauthors: [x, 'y']", "updated: x", "updated:", "updated: |", "last_edited_by: q # c", "needs_review: true"),
    *(
        "- ann",
        "  - bob",
        "-",
        "  a: b",
        "  text",
        "# comment",
        "",
        " ",
        "x: |",
        "имя: я",
        "- [x]",
        "x: 'q",
        'x: "a\\q"',
    ),
    *(
        "«a: b»",
        "type: «a: b»",
        "created: 1 # c",
        "<<<<<<<",
        "---x",
        "{a: 1}",
        '"title": q',
        "tags: ,",
        "x:\ty",
        "\ufeff",
    ),
]
BLOCK = st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\n", "\n", "\r\n"])), max_size=12)
BODY = st.lists(
    st.sampled_from(["## links\n", "# LINKS ", "- [[a]]\n", "***\n", "text\n", "\n", "\r\n", "---\n", "é", "\x00"])
)
PATHS = st.sampled_from(["01_Знания/Имя.md", "06_Оперативка_агентов/bob/x: y.md", "02_Решения/a/b.md"])


def note_of(block: list[tuple[str, str]], body: list[str], bad: bytes) -> bytes:
    fence = "---\n" if block else ""
    return (fence + "".join(line + end for line, end in block) + fence + "".join(body)).encode() + bad


NOTES = st.builds(note_of, BLOCK, BODY, st.sampled_from([b"", b"", b"\xff"])) | st.binary(max_size=60)


def stamped(data: bytes, path: str, curator: bool, review: bool) -> bytes:
    return stamp(data, path, locale=locale("ru"), writer="ann", curator=curator, review=review, now=NOW)


@given(NOTES, PATHS, st.booleans(), st.booleans())
@example(b"---\nauthor:\nupdated: x\n- y\n---\n", "01_Знания/x.md", False, True)
@example(b"---\nauthor: bob\ncoauthors:\ntags:\n- y\n---\n", "01_Знания/x.md", False, True)
def test_a_stamp(data: bytes, path: str, curator: bool, review: bool) -> None:
    new = stamped(data, path, curator, review)
    assert stamped(new, path, curator, review) == new
    found = parse(path, new)
    keys = frontmatter.read(frontmatter.split_bytes(new).block)
    assert keys["last_edited_by"] == "ann"
    assert keys["updated"] == NOW
    assert keys["needs_review"] == "true" if review and not curator else "needs_review" in keys
    assert {"title", "type", "status", "created"} <= set(keys)
    assert found.digest


@given(NOTES, PATHS)
def test_the_body_is_untouched(data: bytes, path: str) -> None:
    data = data.replace(b"inks", b"").replace(b"INKS", b"")
    old, new = cut(data), cut(stamped(data, path, False, True))
    assert new is not None
    if frontmatter.split_bytes(data).block is not None and old is not None:
        after = stamped(data, path, False, True)[new.body :]
        body = data[old.body :]
        assert after in (body, b"\n" + body, b"\r\n" + body)


@given(NOTES)
def test_lines_of_other_keys_are_untouched(data: bytes) -> None:
    if frontmatter.split_bytes(data).block is None:
        return
    old, new = cut(data), stamped(data, "01_Знания/x.md", False, True)
    at = cut(new)
    assert old is not None
    assert at is not None
    ours = {"updated", "last_edited_by", "needs_review", "coauthors", "tags"}
    after = decode(new[at.block : at.closing]).split("\n")
    for entry in entries(decode(data[old.block : old.closing])):
        if entry.key not in ours and not (entry.single and entry.key):
            assert all(line in after for line in entry.lines)


@given(st.builds(note_of, BLOCK, BODY, st.just(b"")))
def test_a_splice_moves_no_smart_hash(data: bytes) -> None:
    block = frontmatter.split_bytes(data).block
    plain = all(entry.single for entry in entries(block or ""))
    for new in (bake(data, writer="ann", now=NOW), mark_unstamped(data, now=NOW, review=True), clear_review(data)):
        if plain and block is not None:
            assert smart_hash(new) == smart_hash(data)
        if block is None and (found := cut(data)) is not None and not found.empty:
            assert new == data


@given(st.binary(max_size=200))
def test_entries_give_the_block_back(data: bytes) -> None:
    block = data + b"\n"
    assert encode(joined(entries(decode(block)))) == block


SIZE = 300_000
F = "---\n{}\n---\n\nbody\n"
HOSTILE = {
    "escapes": F.format('x: "' + "\\q" * SIZE + '"'),
    "open flow": F.format("x: [" + '"[' * SIZE),
    "quotes": F.format('x: "' + '"\\' * SIZE),
    "guillemets": F.format("x: " + "«" * SIZE + ": »"),
    "blanks": F.format("x:" + " " * SIZE + "y"),
    "colons": F.format(":" * SIZE),
    "keys": F.format("\n".join(f"k{n}: v: x" for n in range(SIZE // 10))),
    "service keys": F.format("updated: x\n a: b\n" * (SIZE // 10)),
    "items": F.format("author: b\ncoauthors:\n" + "- x\n\n" * (SIZE // 10)),
    "one list": F.format("author: b\ncoauthors: [" + "a," * SIZE + "]"),
    "fences": "---\n" + "--- x\n" * SIZE,
    "no end": "---\n" + "x" * 5_000_000,
    "links": "## Связи\n" + "- [[x]]\n" * (SIZE // 3),
    "rule": "## связи\n" + "* " * SIZE,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_time_grows_with_size_and_not_faster(kind: str) -> None:
    """Against a yardstick of this machine: a quadratic rule would be thousands of times slower."""
    data = HOSTILE[kind].encode()
    new, best = b"", float("inf")
    for _ in range(3):  # the best of three: what else the machine does can only add
        begin = time.process_time()
        for _ in range(10):
            sum(data[:500_000])
        middle = time.process_time()
        new = stamped(data, "01_Знания/x.md", False, True)
        smart_hash(new)
        best = min(best, (time.process_time() - middle) / (middle - begin))
    assert best < 60
    assert stamped(new, "01_Знания/x.md", False, True) == new


def test_a_hook_can_afford_it() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from iapeer_memory.vault import code, smart, stamp, tags\nfrom iapeer_memory.vault.locales import locale\n"
        "stamp.stamp(b'x', '01_Knowledge/x.md', locale=locale('en'), writer='a', curator=False, review=True, now='1')\n"
        "smart.smart_hash(b'---\\na: 1\\n---\\n')\n"
    )
    argv = [os.path.realpath(sys.executable), "-I", "-S", "-X", "importtime", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    modules = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    heavy = {"dataclasses", "typing", "enum", "re", "collections", "collections.abc", "functools", "hashlib", "pathlib"}
    assert not modules & heavy
    assert "iapeer_memory.vault.stamp" in modules
