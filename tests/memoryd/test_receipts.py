"""Writes with a key: whatever becomes of who does them, they are done once; and what cannot be told is not guessed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iapeer_memory.egress.real import real_door
from iapeer_memory.memoryd.receipts import MOST_KEPT, PRUNED_EVERY, Receipt, Receipts
from iapeer_memory.memoryd.tools.memory import Append, Create, WriteArguments
from iapeer_memory.memoryd.vaulted import Vaulted
from iapeer_memory.memoryd.writing import NotWritten, Pen
from iapeer_memory.notes.history import History
from iapeer_memory.vault.locales import locale

ROOT = Path(__file__).resolve().parents[2]
PATH = "01_Knowledge/Gull.md"
OLD = b"---\ntitle: Gull\n---\nIt flies.\n"
CREATE = Create(PATH, b"---\ntitle: Gull\n---\nIt cries.\n")
APPEND = Append(PATH, "It cries.")
CHILD = """
import os, signal, sys
from pathlib import Path
from tests.memoryd.test_receipts import APPEND, CREATE, OLD, note, pen
folder, verb, step, armed, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), False, 0
def strike(*_):
    global count
    count += armed
    if armed and count == at:
        os.kill(os.getpid(), signal.SIGKILL)
def write(place):
    pen(place).write(APPEND if verb == "append" else CREATE, "alpha", key="k")
sys.addaudithook(strike)
note(folder / "warm", OLD if verb == "append" else None)
write(folder / "warm")
at, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    at += step
    place = folder / str(at)
    note(place, OLD if verb == "append" else None)
    child = os.fork()
    if not child:
        armed = True
        write(place)
        armed = False
        os._exit(0)
    status = os.waitpid(child, 0)[1]
assert status == 0, status
"""


def pen(folder: Path) -> Pen:
    """A pen over a vault in the folder, as memoryd makes it when it starts."""
    door = real_door()
    (folder / "vault").mkdir(parents=True, exist_ok=True)
    history = History(door.files, f"{folder}/history", door.clock.now)
    notes = Vaulted(door, f"{folder}/vault", history)
    receipts = Receipts(door.files, f"{folder}/receipts")
    return Pen(
        door.files, door.clock, f"{folder}/vault", locale("en"), notes, receipts,
        may_stamp=lambda: True, wrote=lambda path, data: None, curators=(), review=False,
    )  # fmt: skip


def note(folder: Path, data: bytes | None = None) -> Path:
    """The note; written first where it is said what it says."""
    path = folder / "vault" / PATH
    if data is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return path


@pytest.mark.parametrize("verb", ["create", "append"])
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_write_that_is_killed_and_asked_again_is_done_once(verb: str, step: int, tmp_path: Path) -> None:
    """In processes of their own, one after the other, each killed one act of the interpreter later than the last."""
    arguments: WriteArguments = APPEND if verb == "append" else CREATE
    words = [sys.executable, "-c", CHILD, str(tmp_path), verb, str(step)]
    subprocess.run(words, cwd=ROOT, check=True, timeout=100)
    folders = [folder for folder in tmp_path.iterdir() if folder.name.isdecimal()]
    states = set()
    for folder in folders:
        there = note(folder)
        states.add(there.read_bytes().count(b"It cries.") if there.exists() else 0)
        assert pen(folder).write(arguments, "alpha", key="k").path == PATH
        text = there.read_bytes()
        assert text.count(b"It cries.") == 1 and text.count(b"author: alpha") == 1
        assert pen(folder).write(arguments, "alpha", key="k").path == PATH
        assert there.read_bytes() == text
    assert len(folders) > 20 / step and states == {0, 1}


@pytest.mark.parametrize("arguments", [CREATE, APPEND])
def test_a_note_that_has_changed_since_is_known_by_its_history(arguments: WriteArguments, tmp_path: Path) -> None:
    there = note(tmp_path, OLD if arguments is APPEND else None)
    written = pen(tmp_path)
    written.write(arguments, "alpha", key="k")
    written.write(Append(PATH, "It eats."), "beta")
    text = there.read_bytes()
    assert pen(tmp_path).write(arguments, "alpha", key="k").path == PATH
    assert there.read_bytes() == text
    there.unlink()
    assert pen(tmp_path).write(arguments, "alpha", key="k").path == PATH
    assert not there.exists()


@pytest.mark.parametrize("arguments", [CREATE, APPEND])
def test_what_cannot_be_told_is_not_guessed(arguments: WriteArguments, tmp_path: Path) -> None:
    there = note(tmp_path, OLD if arguments is APPEND else None)
    pen(tmp_path).write(arguments, "alpha", key="k")
    for blob in (tmp_path / "history" / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    there.write_bytes(b"something else\n")
    with pytest.raises(NotWritten) as caught:
        pen(tmp_path).write(arguments, "alpha", key="k")
    assert "nothing is known of what became of it; fix: read the note" in caught.value.line()
    assert there.read_bytes() == b"something else\n"


def test_a_key_is_for_one_write(tmp_path: Path) -> None:
    note(tmp_path, OLD)
    written = pen(tmp_path)
    written.write(APPEND, "alpha", key="k")
    with pytest.raises(NotWritten, match="used for another write"):
        written.write(Append(PATH, "It eats."), "alpha", key="k")
    written.write(APPEND, "alpha", key="other")
    written.write(APPEND, "alpha")
    written.write(APPEND, "alpha")
    assert note(tmp_path).read_bytes().count(b"It cries.") == 4


def test_a_write_that_failed_fails_again(tmp_path: Path) -> None:
    there = note(tmp_path, b"foreign\n")
    for _ in range(2):
        with pytest.raises(NotWritten, match="there is a note"):
            pen(tmp_path).write(CREATE, "alpha", key="k")
    assert there.read_bytes() == b"foreign\n"


def test_receipts_say_nothing_of_a_note_and_are_private(tmp_path: Path) -> None:
    pen(tmp_path).write(CREATE, "alpha", key="secret key")
    [receipt] = (tmp_path / "receipts").iterdir()
    assert (receipt.parent.stat().st_mode & 0o777, receipt.stat().st_mode & 0o777) == (0o700, 0o600)
    assert b"cries" not in receipt.read_bytes() and "secret" not in receipt.name + receipt.read_text()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"request": 1, "path": 2, "texts": [1]}', b"\xff"])
def test_a_receipt_that_is_none_counts_for_nothing(data: bytes, tmp_path: Path) -> None:
    receipts = Receipts(real_door().files, str(tmp_path / "r"))
    receipts.keep("k", Receipt("q", "p.md").about_to("a", "b"))
    assert receipts.of("k") == Receipt("q", "p.md", (("a", "b"),))
    [place] = (tmp_path / "r").iterdir()
    place.write_bytes(data)
    assert receipts.of("k") is None and receipts.of("other") is None


def test_a_key_of_any_text_is_one(tmp_path: Path) -> None:
    receipts = Receipts(real_door().files, str(tmp_path / "r"))
    receipts.keep("\ud800", Receipt("a", PATH))
    assert receipts.of("\ud800") == Receipt("a", PATH)
    assert receipts.of("?") is None


def test_only_so_many_are_kept_the_newest(tmp_path: Path) -> None:
    receipts = Receipts(real_door().files, str(tmp_path))
    for number in range(MOST_KEPT + PRUNED_EVERY):
        (tmp_path / f"old {number}").write_bytes(b"{}")
        os.utime(tmp_path / f"old {number}", (number, number))
    receipts.keep("k", Receipt("q", "p.md"))
    assert len(list(tmp_path.iterdir())) == MOST_KEPT
    assert receipts.of("k") is not None and not (tmp_path / f"old {PRUNED_EVERY}").exists()
