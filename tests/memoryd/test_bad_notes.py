"""A vault that holds every bad note at once, under one daemon; then questions that are as bad."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Running, start, write

SMALL = 2_000
LINKS = 10_000
CALLER = {"X-IAPeer-Identity": "alpha"}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n" for before, here in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine to the ninth items, for whoever follows anchors."""

BYTES: dict[str, bytes] = {
    "invalid utf-8": b"\xff\xfe\x80\xc3 heron01 \xed\xa0\x80\n",
    "bom": b"\xef\xbb\xbf---\ntitle: With a mark\n---\nheron02\n",
    "crlf": b"---\r\ntitle: Two bytes\r\n---\r\nheron03\r\n",
    "nul": b"before\0after heron04\n",
    "large": b"heron05\n\n" + b"A line of a large note, again and again.\n" * 125_000,
    "long line": b"heron06 " + b"x" * 100_000 + b"\n",
    "one long word of many letters": b"heron07 " + "ж".encode() * 100_000,
    "anchors": b"---\n" + BOMB.encode() + b"---\nheron08\n",
    "ten thousand keys": b"---\n" + b"".join(b"k%d: %d\n" % (n, n) for n in range(10_000)) + b"---\nheron09\n",
    "unclosed quote": b"---\ntitle: \"never closed\ntags: ['a\n---\nheron10\n",
    "objects": b"---\na: !!python/object/apply:os.system [true]\n? - x\n: :\n\t- y\n---\nheron11\n",
    "deep yaml": b"---\na: " + b"[" * 20_000 + b"\n---\nheron12\n",
    "title": b"---\ntitle: " + b"t" * 10_000 + b"\n---\nheron13\n",
    "no end of the frontmatter": b"---\ntitle: x\nheron14\n",
    "circle one": b"heron15 [[circle two]]\n",
    "circle two": b"heron16 [[circle one]] [[circle two]]\n",
    "links": b"heron17\n" + b"".join(b"[[target %d#h|a]] " % n for n in range(LINKS)) + b"[[[[]] [[|]] [[#]] [[",
    "open fence": b"heron18\n```python\n# no heading [[circle one]]\n" + b"x = 1\n" * 5_000,
    "quotes": b">" * 5_000 + b" heron19\n",
    "headings": b"".join(b"#" * (n % 6 + 1) + b" h%d\n" % n for n in range(5_000)) + b"heron20\n",
    "private": b"heron21 <private>never closed\n",
    "controls": "heron22 \u202e\u2066\U000e0041\u200b\x1b[2J\x07\u2028\u0085\n".encode(),
    "odd planes": ("heron23 \U0001f469\u200d\U0001f4bb \U0010fffd a\u0301\u0301\u0301\n" + "e\u0301" * 5_000).encode(),
    "combining": b"heron24 a" + "\u0301".encode() * 50_000,
    "spaces": b"heron25" + b" " * 200_000 + b"\n" * 100_000 + b"\t" * 100_000,
    "brackets": b"heron26 " + b"[" * 50_000 + b"(" * 50_000 + b"`" * 50_001 + b"*" * 50_000,
}
FINDABLE = {name: data[data.index(b"heron") :][:7].decode() for name, data in BYTES.items()}
YO = "Ёжик и йод"
ONLY_NAMED = "sparse.md"


def fill(root: Path, outside: Path) -> None:
    """All of it."""
    for name, data in BYTES.items():
        write(root, f"01_Knowledge/{name}.md", "").write_bytes(data)
    for form in ("NFC", "NFD"):
        write(root, "05_Lists/" + unicodedata.normalize(form, YO) + ".md", f"ibis{form}\n")
    write(root, "05_Lists/Twin.md", "ibisone\n")
    write(root, "05_Lists/twin.md", "ibistwo\n")
    write(outside, "secret.md", "ibissecret\n")
    (root / "05_Lists/out.md").symlink_to(outside / "secret.md")
    (root / "05_Lists/folder out").symlink_to(outside)
    (root / "05_Lists/loop").symlink_to(root)
    (root / "05_Lists/self.md").symlink_to("self.md")
    (root / "05_Lists/dangling.md").symlink_to("nowhere.md")
    os.mkfifo(root / "05_Lists/x.md")
    (root / "05_Lists/y.md").mkdir()
    write(root, "05_Lists/y.md/inner.md", "ibisinner\n")
    with (root / ONLY_NAMED).open("wb") as sparse:
        sparse.truncate((32 << 20) + 1)
    (root / os.fsdecode(b"05_Lists/\xff\xfe.md")).write_text("ibisname\n")
    deep = "/".join(["d"] * 100)
    write(root, f"05_Lists/{deep}/bottom.md", "ibisdeep\n")
    for n in range(SMALL):
        write(root, f"05_Lists/many/{n}.md", f"Small note {n}.\n")


class Vanishing:
    """Notes that come and go for as long as it runs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.wait(0.002):
            number += 1
            note = write(self._root, f"05_Lists/many/{number % 50} gone.md", "x" * 50_000)
            note.unlink()


@dataclass(frozen=True, slots=True)
class Aviary:
    """The daemon, its vault, and what lies beside it."""

    daemon: Running
    root: Path


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    top = tmp_path_factory.mktemp("bad-notes")
    root = top / "vault"
    fill(root, top / "outside")
    with Vanishing(root), start(top / "home", root) as daemon:
        yield Aviary(daemon, root)
        assert daemon.process.poll() is None, daemon.lines[-5:]
        assert not [line for line in daemon.lines if "Traceback" in line]


def paths(daemon: Running, query: str) -> set[str]:
    return {item["path"] for item in daemon.search(query)["results"]}


@pytest.mark.parametrize("name", FINDABLE)
def test_what_can_be_read_is_found(aviary: Aviary, name: str) -> None:
    assert f"01_Knowledge/{name}.md" in paths(aviary.daemon, FINDABLE[name])


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("ibisNFC", {"05_Lists/" + unicodedata.normalize("NFC", YO) + ".md"}),
        ("ibisNFD", {"05_Lists/" + unicodedata.normalize("NFD", YO) + ".md"}),
        ("ibisone", {"05_Lists/Twin.md"}),
        ("ibistwo", {"05_Lists/twin.md"}),
        ("ibisinner", {"05_Lists/y.md/inner.md"}),
        ("ibisdeep", {"05_Lists/" + "/".join(["d"] * 100) + "/bottom.md"}),
        ("ibissecret", set()),
        ("ibisname", set()),
    ],
)
def test_names_links_and_folders(aviary: Aviary, word: str, found: set[str]) -> None:
    exact = {path for path in paths(aviary.daemon, word) if word in (aviary.root / path).read_text()}
    assert exact == found


def test_what_cannot_be_read_is_named_with_its_reason(aviary: Aviary) -> None:
    told = [line for line in aviary.daemon.lines if "not indexed:" in line and ONLY_NAMED in line]
    assert told and "larger than" in told[0], told
    assert aviary.daemon.health()["notes"] >= SMALL + len(BYTES) + 6


def test_a_vault_of_bad_notes_has_a_map(aviary: Aviary) -> None:
    for detail in ("summary", "full"):
        told = aviary.daemon.call({"detail": detail, "parts": ["hubs", "orphans", "orphan_wikilinks"]}, "memory_map")
        assert not told.get("isError"), told
        assert told["structuredContent"]["stats"]


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "01_Knowledge/circle one.md", "depth": 3},
        {"path": "01_Knowledge/links.md", "depth": 2},
        {"title": "t" * 2_000},
        {"title": unicodedata.normalize("NFC", YO)},
        {"path": "05_Lists/self.md"},
        {"path": "05_Lists/x.md"},
        {"path": "../outside/secret.md"},
        {"path": "/etc/passwd"},
        {"title": "'; DROP TABLE notes; --"},
    ],
)
def test_related_answers_or_says_why_not(aviary: Aviary, asked: dict[str, Any]) -> None:
    told = aviary.daemon.call(asked, "memory_related")
    answered(told)
    assert told.get("isError") or told["structuredContent"]


def test_the_circle_is_seen(aviary: Aviary) -> None:
    told = aviary.daemon.call({"path": "01_Knowledge/circle one.md"}, "memory_related")["structuredContent"]
    assert "01_Knowledge/circle two.md" in {node["path"] for node in told["nodes"]}


def test_writing_goes_on(aviary: Aviary) -> None:
    told = aviary.daemon.call({"title": "After all", "text": "ibisafter"}, "memory_write", **CALLER)
    assert not told.get("isError"), told
    path = told["structuredContent"]["path"]
    aviary.daemon.until(lambda: path in paths(aviary.daemon, "ibisafter"))
    for bad in ("01_Knowledge/open fence.md", "05_Lists/out.md", "05_Lists/x.md", "05_Lists/y.md", "../a.md"):
        answered(aviary.daemon.call({"mode": "append", "path": bad, "text": "more"}, "memory_write", **CALLER))
    assert (aviary.root.parent / "outside/secret.md").read_text() == "ibissecret\n"


QUERIES: dict[str, str] = {
    "nothing": "",
    "space": " \t\n",
    "operators": "+ - * ^ : ( ) { } \" ' ~ ! @ # $ % & | \\ / < > ? , . ;",
    "quotes": '"' * 999,
    "one quote": '"',
    "empty phrases": '"" "" " "',
    "unclosed phrase": '"small note',
    "near": 'NEAR(small note, 5) NEAR NEAR/2 NEAR("a" "b")',
    "words of the language": "AND OR NOT AND AND NOT NOT",
    "columns": "title:small text : - {title text} : note",
    "prefix": "sm* * ** no*te*",
    "emoji": "\U0001f469\u200d\U0001f4bb \U0001f6a2 \U0001f1e9\U0001f1ea",
    "right to left": "\u0634\u0644\u0648\u0645 \u05e9\u05dc\u05d5\u05dd \u202e\u2066",
    "five hundred words": " ".join(f"word{n}" for n in range(500)),
    "five hundred times one": "small " * 500,
    "a word of ten thousand": "x" * 9_999,
    "controls": "\0 \x1b[2J \x07 \u2028 \ufeff \ufffe",
    "combining": "a" + "\u0301" * 5_000,
    "injection": "x'); DROP TABLE notes; --",
    "a path": "../../../../etc/passwd C:\\windows\\*",
    "brackets": "[[" * 2_000,
    "million": "small " * 170_000,
    "million letters": "x" * (1 << 20),
    "million quotes": '"' * 1_000_000,
}


def answered(result: dict[str, Any]) -> None:
    """An answer, or one clear line that says why there is none."""
    texts = [part["text"] for part in result["content"]]
    assert texts and texts[0].strip(), result
    if result.get("isError"):
        assert len(texts) == 1 and "\n" not in texts[0] and len(texts[0]) < 700, texts
        assert "Traceback" not in texts[0] and "Error:" not in texts[0] and "sqlite" not in texts[0].lower(), texts


@pytest.mark.parametrize("name", QUERIES)
def test_any_question_is_answered(aviary: Aviary, name: str) -> None:
    status, told = aviary.daemon.rpc("tools/call", {"name": "memory_search", "arguments": {"query": QUERIES[name]}})
    if status == 413:
        assert "at most" in str(told) and len(str(told)) < 500, told
    else:
        assert status == 200, (status, told)
        answered(told["result"])


BAD_ARGUMENTS: dict[str, Callable[[], Any]] = {
    "a list": lambda: [],
    "a number": lambda: {"query": 7},
    "a deep object": lambda: {"query": "x", "filter": {"a": {"b": [1, 2]}}},
    "no query": dict,
    "a limit beyond": lambda: {"query": "small", "limit": 10**9},
    "a lone surrogate": lambda: {"query": "\ud800 small"},
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_arguments_that_are_none(aviary: Aviary, name: str) -> None:
    status, told = aviary.daemon.rpc("tools/call", {"name": "memory_search", "arguments": BAD_ARGUMENTS[name]()})
    assert status in (200, 400), (status, told)
    if "result" in told:
        answered(told["result"])
    else:
        assert told["error"]["message"] and "\n" not in told["error"]["message"], told
