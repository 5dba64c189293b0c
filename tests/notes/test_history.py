"""The store of versions: what is kept, by whom at once, what a crash leaves, and which versions a note had."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.domain.errors import ProductError, Unreadable
from iapeer_memory.egress.barefiles import BareFiles
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.notes.history import History, blob_path, day
from iapeer_memory.notes.log import read_version, records
from iapeer_memory.notes.record import EVENTS, Record, read_line
from iapeer_memory.notes.versions import pick, versions
from iapeer_memory.vault.sha256 import sha256_hex
from tests.support.noted import Noted, noted_in

FILES = RealFiles()
REPO = Path(__file__).resolve().parents[2]
ANY = st.text(st.characters(codec=None), max_size=40)


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    return noted_in(tmp_path)


@given(ANY.filter(lambda t: "\0" not in t), ANY, ANY, st.sampled_from(EVENTS))
def test_a_record_comes_back(path: str, writer: str, other: str, event: str) -> None:
    path, writer, other = [os.fsdecode(text.encode("utf-8", "replace") + b"\xff\\") for text in (path, writer, other)]
    made = Record(1763722800.5, event, writer, "a" * 64, path, after="b" * 64, size=7, token="0" * 12, other=other)
    line = made.line()
    assert line.startswith(b"\n") and line.endswith(b"\n") and line.count(b"\n") == 2
    back = read_line(line.strip(b"\n"))
    assert back is not None
    assert [getattr(back, name) for name in Record.__slots__] == [getattr(made, name) for name in Record.__slots__]


@given(st.binary(max_size=60))
def test_no_line_is_too_bad(line: bytes) -> None:
    assert read_line(line) is None


@pytest.mark.parametrize("files", [BareFiles(), RealFiles()], ids=["bare", "door"])
def test_kept_apart_from_everybody_else(tmp_path: Path, files: BareFiles | RealFiles) -> None:
    folder = tmp_path / "state/history"
    history = History(files, str(folder), time.time)
    digest = history.keep("a.md", b"one" * 1000, writer="alpha")
    assert history.keep_all([("b.md", b"two", ""), ("c.md", b"one" * 1000, "beta")]) == 2
    history.happened("deleted", "b.md")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.rglob("*") if p.is_file()} == {0o600}
    assert read_version(FILES, str(folder), digest) == b"one" * 1000
    assert (folder / "blobs" / digest[:2] / digest[2:]).stat().st_size < 100
    assert [(r.event, r.path, r.writer) for r in records(FILES, str(folder))] == [
        ("seen", "a.md", "alpha"), ("seen", "b.md", ""), ("seen", "c.md", "beta"), ("deleted", "b.md", ""),
    ]  # fmt: skip
    assert len([p for p in (folder / "blobs").rglob("*") if p.is_file()]) == 2


def test_a_torn_line_spoils_no_other(noted: Noted) -> None:
    noted.history.keep("a.md", b"one")
    log = noted.state / f"history/log/{day(time.time())}.log"
    whole = log.read_bytes()
    for cut in range(1, len(whole)):
        log.write_bytes(whole[:cut])
        noted.history.keep("b.md", b"two")
        assert [r.path for r in noted.records()][-1] == "b.md"
        assert len(noted.records()) == (2 if cut == len(whole) - 1 else 1)


def test_a_damaged_version_is_not_given_out(noted: Noted) -> None:
    digest = noted.history.keep("a.md", b"one")
    place = Path(blob_path(noted.history.folder, digest))
    for bad in (b"", b"junk", place.read_bytes()[:-2]):
        place.write_bytes(bad)
        with pytest.raises(Unreadable):
            read_version(FILES, noted.history.folder, digest)


WRITERS = """
import sys, time
from pathlib import Path
from tests.support.noted import noted_in
noted = noted_in(Path(sys.argv[1]))
for number in range(200):
    noted.history.keep(f"{sys.argv[2]}-{number}.md", b"same bytes %d" % (number % 10), writer=sys.argv[2])
"""


def test_many_writers_at_once(noted: Noted, tmp_path: Path) -> None:
    words = [sys.executable, "-c", WRITERS, str(tmp_path)]
    children = [subprocess.Popen([*words, f"w{n}"], cwd=REPO) for n in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    found = noted.records()
    assert sorted(r.path for r in found) == sorted(f"w{w}-{n}.md" for w in range(4) for n in range(200))
    assert sorted(noted.kept()) == sorted(b"same bytes %d" % n for n in range(10))
    assert [p.name for p in Path(noted.history.folder).rglob("*.tmp")] == []


def history_at(noted: Noted, *events: tuple[float, str, str, bytes, str]) -> None:
    """(time, event, path, bytes, other) as records."""
    for when, event, path, data, other in events:
        digest = sha256_hex(data) if data else ""
        if data:
            noted.history.put(digest, data)
        noted.history.record(Record(when, event, "alpha", digest, path, size=len(data), other=other))


def test_versions_follow_a_note_through_its_names(noted: Noted) -> None:
    old, new = "01_Knowledge/й.md", "07_Archive/01_Knowledge/й.md"
    history_at(
        noted,
        (10, "seen", "other.md", b"other", ""),
        (20, "seen", "first.md", b"one", ""),
        (30, "renamed", "first.md", b"one", unicodedata.normalize("NFD", old)),
        (86400 * 2, "seen", old, b"two", ""),
        (86400 * 2 + 1, "seen", old, b"two", ""),
        (86400 * 3, "archived", old, b"two", new),
        (86400 * 4, "seen", "first.md", b"another note", ""),
    )  # fmt: skip
    for form in ("NFC", "NFD"):
        found = versions(FILES, noted.history.folder, unicodedata.normalize(form, new))
        assert [(v.time, v.event) for v in found] == [
            (86400 * 3, "archived"), (86400 * 2, "seen"), (30, "renamed"), (20, "seen"),
        ]  # fmt: skip
    assert versions(FILES, noted.history.folder, "first.md")[0].event == "seen"
    assert versions(FILES, noted.history.folder, "nothing.md") == ()


def test_picking_a_version(noted: Noted) -> None:
    history_at(
        noted, (10, "seen", "a.md", b"one", ""), (20, "seen", "a.md", b"two", ""), (30, "deleted", "a.md", b"", "")
    )
    found = versions(FILES, noted.history.folder, "a.md")
    assert pick(found, None, "a.md").digest == sha256_hex(b"two")
    assert pick(found, None, "a.md", unlike=sha256_hex(b"two")).digest == sha256_hex(b"one")
    assert pick(found, sha256_hex(b"one")[:6], "a.md").digest == sha256_hex(b"one")
    for name in ("zz", "", None):
        with pytest.raises(ProductError, match="is kept"):
            pick(found if name else (), name, "a.md")
