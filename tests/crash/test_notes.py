"""A writer of notes that is killed at each of its steps: the note is whole, nothing is lost, nothing stays behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.noted import noted_in

REPO = Path(__file__).resolve().parents[2]
CHILD = """
import os, signal, sys
from pathlib import Path
from tests.support.noted import noted_in
folder, verb, step, times = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
note = folder / "vault/a.md"
count = 0
def strike(now):
    global count
    if now == "looked" and verb == "raced":
        (folder / "vault/theirs").write_bytes(b"rival %d\\n" % count)
        os.rename(folder / "vault/theirs", note)
    count += now == step
    if now == step and count == times:
        os.kill(os.getpid(), signal.SIGKILL)
noted = noted_in(folder, step=strike)
if verb == "create":
    noted.writer.create("b.md", b"two\\n")
elif verb == "move":
    noted.writer.move("a.md", "sub/c.md")
else:
    noted.writer.change("a.md", lambda data: data + b"stamp\\n")
"""


def killed(folder: Path, verb: str, step: str, times: int = 1) -> None:
    """The verb in a process of its own, killed when it reaches the step for that time."""
    words = [sys.executable, "-c", CHILD, str(folder), verb, step, str(times)]
    ran = subprocess.run(words, cwd=REPO, capture_output=True, text=True, timeout=60)
    assert ran.returncode == -signal.SIGKILL, ran


@pytest.mark.parametrize("step", ["kept", "temp written", "looked", "exchanged", "spooled"])
def test_a_change_that_is_killed(tmp_path: Path, step: str) -> None:
    noted = noted_in(tmp_path)
    note = noted.put("a.md", b"one\n")
    killed(tmp_path, "change", step)
    done = step in ("exchanged", "spooled")
    assert note.read_bytes() == (b"one\nstamp\n" if done else b"one\n")
    assert noted.kept() == [b"one\n"]
    assert noted.sweep() == () and noted.take_in() == ()
    assert noted.names() == ["a.md"] and noted.spooled() == []
    assert noted.writer.change("a.md", lambda data: data + b"more\n").status == "written"
    assert note.read_bytes().endswith(b"more\n") and noted.names() == ["a.md"]


@pytest.mark.parametrize("step", ["looked", "exchanged", "kept", "temp written", "spooled"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_change_that_is_killed_while_it_races(tmp_path: Path, step: str, times: int) -> None:
    """The rival's last text stands in the vault, or is in history with every other."""
    noted = noted_in(tmp_path)
    note = noted.put("a.md", b"one\n")
    killed(tmp_path, "raced", step, times)
    noted.sweep()
    noted.take_in()
    assert noted.names() == ["a.md"] and noted.spooled() == []
    said = b"".join(noted.kept()) + note.read_bytes()
    assert b"one\n" in said
    if (step, times) not in (("kept", 1), ("temp written", 1)):
        assert b"rival" in said
    assert note.read_bytes() in (b"one\n", b"one\nstamp\n") or note.read_bytes().startswith(b"rival")


@pytest.mark.parametrize(("verb", "step"), [("create", "temp written"), ("create", "created"), ("move", "moved")])
def test_a_create_and_a_move_that_are_killed(tmp_path: Path, verb: str, step: str) -> None:
    noted = noted_in(tmp_path)
    noted.put("a.md", b"one\n")
    killed(tmp_path, verb, step)
    noted.sweep()
    if verb == "move":
        assert noted.names() == ["sub/c.md"] and (noted.vault / "sub/c.md").read_bytes() == b"one\n"
    else:
        assert noted.names() == (["a.md", "b.md"] if step == "created" else ["a.md"])
        assert step == "created" or b"two\n" in noted.kept()
    assert noted.spooled() == []


def test_a_temp_without_its_last_byte_is_worth_nothing(tmp_path: Path) -> None:
    noted = noted_in(tmp_path)
    noted.put("a.md", b"one\n")
    half = noted.put(".fm-0123456789ab.tmp", b"one\nst")
    half.chmod(0o200)
    theirs = noted.put(".fm-theirs.tmp", b"x")
    assert noted.sweep() == () and not half.exists() and theirs.exists()
    assert noted.records() == []


def test_every_folder_is_swept_but_none_behind_a_link(tmp_path: Path) -> None:
    from iapeer_memory.notes.late import STALE, sweep_all

    noted = noted_in(tmp_path)
    temps = [noted.put(f"{folder}.fm-0123456789ab.tmp", b"x") for folder in ("", "a/", "a/b c/", ".git/")]
    beyond = tmp_path / "beyond"
    beyond.mkdir()
    (beyond / ".fm-0123456789ab.tmp").write_bytes(b"x")
    (noted.vault / "link").symlink_to(beyond)
    now = temps[-1].stat().st_ctime + STALE + 1
    assert len(sweep_all(noted.root, noted.door.files, noted.history, noted.writer, now=now)) == 3
    assert [temp.exists() for temp in temps] == [False, False, False, True] and len(list(beyond.iterdir())) == 1


def test_a_young_temp_may_have_a_living_writer(tmp_path: Path) -> None:
    from iapeer_memory.notes.late import sweep

    noted = noted_in(tmp_path)
    temp = noted.put(".fm-0123456789ab.tmp", b"x")
    now = temp.stat().st_ctime
    assert sweep(noted.root, "", noted.door.files, noted.history, noted.writer, now=now + 59) == ()
    assert temp.exists()
    (late,) = sweep(noted.root, "", noted.door.files, noted.history, noted.writer, now=now + 61)
    assert (late.path, late.restored) == ("", False) and not temp.exists() and noted.kept() == [b"x"]
