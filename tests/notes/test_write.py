"""Changing, creating and moving a note: what happens to its bytes, and what is refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests.support.noted import Noted, noted_in

REPO = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
RU = "01_Знания/Ёжик й.md"


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    return noted_in(tmp_path, patience=0.02)


def stamp(data: bytes) -> bytes:
    return data if data.endswith(b"stamp\n") else data + b"stamp\n"


def test_a_change_and_its_record(noted: Noted) -> None:
    note = noted.put("01_Knowledge/a.md", b"one\n")
    note.chmod(0o640)
    done = noted.writer.change("01_Knowledge/a.md", stamp, writer="alpha")
    assert (done.status, done.before, done.after, done.raced, done.done) == (
        "written", b"one\n", b"one\nstamp\n", 0, True
    )  # fmt: skip
    assert note.read_bytes() == b"one\nstamp\n" and note.stat().st_mode & 0o7777 == 0o640
    assert noted.names() == ["01_Knowledge/a.md"]
    (record,) = noted.records()
    assert (record.event, record.writer, record.path, record.size) == ("stamped", "alpha", "01_Knowledge/a.md", 4)
    assert noted.kept() == [b"one\n"]
    assert noted.take_in() == () and noted.spooled() == []


def test_nothing_to_change_touches_nothing(noted: Noted) -> None:
    note = noted.put("a.md", b"stamp\n")
    before = note.stat()
    assert noted.writer.change("a.md", stamp).status == "same"
    assert note.stat() == before and noted.records() == []


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"\xef\xbb\xbfa\r\nb\r\n", b"x" * 5_000_000, b"a" * 100_000])
def test_any_bytes_come_through(noted: Noted, data: bytes) -> None:
    note = noted.put("a.md", data)
    assert noted.writer.change("a.md", stamp).status == "written"
    assert note.read_bytes() == data + b"stamp\n" and noted.kept() == [data]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_either_composition(noted: Noted, form: Literal["NFC", "NFD"]) -> None:
    path = unicodedata.normalize(form, RU)
    note = noted.put(path, b"one\n")
    assert noted.writer.change(path, stamp).status == "written"
    assert note.read_bytes() == b"one\nstamp\n" and noted.names() == [path]


def test_case_twins_are_two_notes(noted: Noted) -> None:
    noted.put("a.md", b"one\n")
    if noted.put("A.md", b"two\n").stat().st_ino == (noted.vault / "a.md").stat().st_ino:
        pytest.skip("this filesystem ignores letter case")
    noted.writer.change("a.md", stamp)
    assert (noted.vault / "A.md").read_bytes() == b"two\n"


def test_what_is_expected_must_be_there(noted: Noted) -> None:
    note = noted.put("a.md", b"two")
    assert noted.writer.change("a.md", stamp, expect=b"one").status == "changed"
    assert noted.writer.move("a.md", "b.md", expect=b"one").status == "changed"
    assert note.read_bytes() == b"two" and noted.records() == []
    assert noted.writer.change("a.md", stamp, expect=b"two").status == "written"


def test_times_are_kept_where_asked(noted: Noted) -> None:
    note = noted.put("a.md", b"one\n")
    os.utime(note, ns=(10**18, 10**18))
    noted.writer.change("a.md", stamp, keep_times=True)
    assert note.stat().st_mtime_ns == 10**18
    noted.writer.change("a.md", lambda data: data + b"more")
    assert note.stat().st_mtime_ns > 10**18


@pytest.mark.parametrize("kind", ["link", "hardlink", "fifo", "gone"])
def test_refused_and_untouched(noted: Noted, kind: str) -> None:
    outside, note = noted.state / "x.md", noted.vault / "a.md"
    outside.write_bytes(b"outside")
    if kind == "link":
        note.symlink_to(outside)
    elif kind == "hardlink":
        note.hardlink_to(outside)
    elif kind == "fifo":
        os.mkfifo(note)
    done = noted.writer.change("a.md", stamp)
    assert done.status == {"fifo": "special"}.get(kind, kind) and done.reason and not done.done
    assert noted.writer.move("a.md", "b.md").status == done.status
    assert outside.read_bytes() == b"outside" and noted.records() == []
    assert not (noted.vault / "b.md").exists()


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
def test_a_note_of_somebody_else(tmp_path: Path) -> None:
    noted = noted_in(tmp_path, uid=4242)
    note = noted.put("a.md", b"one")
    assert noted.writer.change("a.md", stamp).status == "foreign"
    assert note.read_bytes() == b"one"


@pytest.mark.skipif(not ROOT, reason="only root writes for others")
def test_root_writes_for_the_owner_of_the_vault(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    os.chown(tmp_path / "vault", 4242, 4343)
    noted = noted_in(tmp_path)
    note = noted.put("a.md", b"one\n")
    assert noted.writer.change("a.md", stamp).status == "foreign"
    os.chown(note, 4242, 4343)
    assert noted.writer.change("a.md", stamp).status == "written"
    assert (note.stat().st_uid, note.stat().st_gid, note.read_bytes()) == (4242, 4343, b"one\nstamp\n")
    assert noted.writer.create("b.md", b"two").status == "created"
    assert (noted.vault / "b.md").stat().st_uid == 4242
    assert noted.take_in() == () and noted.spooled() == []


def test_a_note_that_stays_open_is_left_to_its_writer(noted: Noted) -> None:
    note = noted.put("a.md", b"one")
    with note.open("ab") as theirs:
        done = noted.writer.change("a.md", stamp)
        assert (done.status, note.read_bytes(), noted.names()) == ("open", b"one", ["a.md"])
        theirs.write(b"two")
    assert noted.writer.change("a.md", stamp).status == "written"
    assert note.read_bytes() == b"onetwostamp\n"


def test_what_the_edit_raises_changes_nothing(noted: Noted) -> None:
    note = noted.put("a.md", b"one")

    def broken(data: bytes) -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        noted.writer.change("a.md", broken)
    assert note.read_bytes() == b"one" and noted.names() == ["a.md"]


STEPS = ("kept", "temp written", "looked", "exchanged", "spooled")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("manner", ["in place", "rename", "remove", "link", "folder"])
def test_a_rival_at_every_step(tmp_path: Path, step: str, manner: str) -> None:
    """What a rival writes stands in the vault in the end, changed as asked, and nothing of it is lost."""
    noted: Noted
    struck: list[str] = []

    def rival(now: str) -> None:
        if now != step or struck:
            return
        struck.append(now)
        if manner == "in place":
            note.write_bytes(b"rival\n")
        elif manner == "rename":
            (noted.vault / "theirs").write_bytes(b"rival\n")
            (noted.vault / "theirs").rename(note)
        elif manner == "remove":
            note.unlink()
        elif manner == "link":
            note.unlink()
            note.symlink_to("nowhere")
        else:
            note.unlink()
            note.mkdir()

    noted = noted_in(tmp_path, step=rival, patience=0.02)
    note = noted.put("a.md", b"one\n")
    done = noted.writer.change("a.md", stamp)
    for late in noted.take_in():
        assert late.path == "a.md"
    assert noted.spooled() == [] and noted.sweep() == ()
    assert b"one\n" in noted.kept()
    if manner == "remove":
        assert not note.exists() or step == "spooled"
        assert done.status == ("gone" if step in STEPS[:3] else "written")
    elif manner == "link":
        assert note.is_symlink() and sorted(noted.names()) == ["a.md"]
    elif manner == "folder":
        assert note.is_dir() and noted.names() == []
    else:
        early = step in STEPS[:3]
        assert note.read_bytes() == (b"rival\nstamp\n" if early else b"rival\n"), done.status
        assert noted.names() == ["a.md"]


def test_a_rival_that_opens_it_at_the_last_moment(tmp_path: Path) -> None:
    """The exchange is taken back: what the rival has open is the note again."""
    opened: list[int] = []

    def rival(step: str) -> None:
        if step == "temp written" and not opened:
            opened.append(os.open(note, os.O_WRONLY))

    noted = noted_in(tmp_path, step=rival, patience=0.02)
    note = noted.put("a.md", b"one\n")
    assert noted.writer.change("a.md", stamp).status == "open"
    os.write(opened[0], b"rival\n")
    os.close(opened[0])
    assert note.read_bytes() == b"rival\n" and noted.names() == ["a.md"]
    assert noted.take_in() == () and noted.spooled() == []


@pytest.mark.parametrize("manner", ["in place", "rename", "remove"])
def test_where_names_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manner: str) -> None:
    """The same by links and renames: what came before the last look is not lost either."""

    def without(*_: object) -> bool:
        raise OSError(errno.EINVAL, "no such call here")

    struck: list[str] = []

    def rival(step: str) -> None:
        if step != "looked" or struck:
            return
        struck.append(step)
        if manner == "in place":
            note.write_bytes(b"rival\n")
        elif manner == "rename":
            (noted.vault / "theirs").write_bytes(b"rival\n")
            (noted.vault / "theirs").rename(note)
        else:
            note.unlink()

    monkeypatch.setattr("iapeer_memory.egress.exchange.rename_with", without)
    noted = noted_in(tmp_path, step=rival)
    note = noted.put("a.md", b"one\n")
    done = noted.writer.change("a.md", stamp)
    if manner == "remove":
        assert done.status == "gone" and noted.names() == []
    else:
        assert (done.status, done.raced, note.read_bytes()) == ("written", 1, b"rival\nstamp\n")
    assert noted.take_in() == () and noted.sweep() == () and noted.spooled() == []
    assert noted.writer.create("b.md", b"two").status == "created"
    assert noted.writer.create("b.md", b"three").status == "exists"
    assert noted.writer.move("b.md", "c.md").status == "moved"
    assert "c.md" in noted.names() and "b.md" not in noted.names()


def test_a_rival_that_goes_on_with_the_displaced_file(noted: Noted) -> None:
    """It opened the note before the exchange and writes long after: its text wins where nobody has written since."""
    note = noted.put("a.md", b"one\n")
    noted.writer.change("a.md", stamp)
    (name,) = noted.spooled()
    displaced = noted.state / "history/spool" / name
    with displaced.open("wb") as theirs:
        assert noted.take_in() == () and noted.spooled() == [name]
        theirs.write(b"late\n")
    (late,) = noted.take_in()
    assert (late.path, late.restored, note.read_bytes()) == ("a.md", True, b"late\n")
    assert {b"one\n", b"one\nstamp\n", b"late\n"} <= set(noted.kept())


def test_late_text_goes_to_history_where_somebody_has_written_since(noted: Noted) -> None:
    note = noted.put("a.md", b"one\n")
    noted.writer.change("a.md", stamp)
    (name,) = noted.spooled()
    (noted.state / "history/spool" / name).write_bytes(b"late\n")
    note.write_bytes(b"newer\n")
    (late,) = noted.take_in()
    assert (late.path, late.restored, note.read_bytes()) == ("a.md", False, b"newer\n")
    assert b"late\n" in noted.kept() and noted.spooled() == []


def test_create_makes_folders_and_never_overwrites(noted: Noted) -> None:
    assert noted.writer.create("06_Agent_Memory/alpha/a.md", b"one", writer="alpha").status == "created"
    again = noted.writer.create("06_Agent_Memory/alpha/a.md", b"two")
    assert (again.status, again.done) == ("exists", False)
    assert (noted.vault / "06_Agent_Memory/alpha/a.md").read_bytes() == b"one"
    assert noted.names() == ["06_Agent_Memory/alpha/a.md"]
    assert noted.writer.create("06_Agent_Memory/alpha/A.md", b"two").status == "exists"
    assert [record.event for record in noted.records()] == ["created"]


def test_create_sees_a_twin_in_the_other_composition(noted: Noted) -> None:
    noted.put(unicodedata.normalize("NFD", RU), b"one")
    folder = noted.names()[0].rpartition("/")[0]
    assert noted.writer.create(f"{folder}/Ёжик й.md", b"two").status == "exists"


def test_move_keeps_what_is_there(noted: Noted) -> None:
    noted.put("a.md", b"one")
    noted.put("b.md", b"two")
    assert noted.writer.move("a.md", "b.md").status == "exists"
    assert noted.writer.move("a.md", "sub/c.md", writer="alpha").status == "moved"
    assert noted.writer.move("absent.md", "d.md").status == "gone"
    assert noted.names() == ["b.md", "sub/c.md"]
    (record,) = noted.records()
    assert (record.event, record.path, record.other, record.writer) == ("renamed", "a.md", "sub/c.md", "alpha")


def test_a_note_can_change_the_case_of_its_name(noted: Noted) -> None:
    noted.put("a.md", b"one")
    assert noted.writer.move("a.md", "A.md").status == "moved"
    assert noted.names() == ["A.md"]


LIMITED = """
import resource, sys, time
from pathlib import Path
from typing import Literal
from tests.support.noted import noted_in
noted = noted_in(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
edit = (lambda data: b"y" * 5000) if sys.argv[2] == "note" else (lambda data: b"y")
print(noted.writer.change("a.md", edit).status, noted.writer.create("b.md", b"y" * 5000).status)
"""


@pytest.mark.parametrize("what", ["note", "history"])
def test_a_full_disk_changes_nothing(tmp_path: Path, what: str) -> None:
    """No room for the new text, or none for what it takes the place of."""
    noted = noted_in(tmp_path)
    data = b"one" if what == "note" else os.urandom(5000)
    note = noted.put("a.md", data)
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), what], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["full", "full"], ran
    assert note.read_bytes() == data and noted.names() == ["a.md"]


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder on another filesystem than the tests' own."""
    folder = Path("/dev/shm") / f"iapeer-memory-notes-{os.getpid()}"
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-r", str(folder)], check=True)


def test_a_vault_on_another_filesystem(tmp_path: Path, elsewhere: Path) -> None:
    noted = noted_in(elsewhere)
    (elsewhere / "state").rmdir()
    (elsewhere / "state").symlink_to(tmp_path)
    note = noted.put("a.md", b"one\n")
    assert noted.writer.change("a.md", stamp).status == "written"
    assert note.read_bytes() == b"one\nstamp\n" and noted.names() == ["a.md"]
    assert noted.kept() == [b"one\n"] and noted.spooled() == []


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(noted: Noted) -> None:
    note = noted.put("sub/a.md", b"one")
    note.parent.chmod(0o500)
    assert noted.writer.change("sub/a.md", stamp).status == "failed"
    note.parent.chmod(0o700)


def test_errors_are_told_in_words(noted: Noted) -> None:
    from iapeer_memory.notes.write import failed

    assert failed(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))).status == "full"
    assert "read-only" in failed(OSError(errno.EROFS, os.strerror(errno.EROFS))).reason
