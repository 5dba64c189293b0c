"""`note history|show|restore`, as its words are understood and what comes of them."""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

from iapeer_memory.cli.note import app
from iapeer_memory.domain.errors import FileRefused, ProductError, UsageError
from iapeer_memory.notes.burst import Burst, snapshot_record
from tests.support.noted import Noted, noted_in

Say = Callable[..., str]
PATH = "01_Знания/Ёжик й.md"


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Noted:
    made = noted_in(tmp_path)
    monkeypatch.setenv("IAPEER_MEMORY_VAULT_PATH", str(made.vault))
    monkeypatch.setenv("IAPEER_MEMORY_STATE_DIR", str(made.state))
    return made


@pytest.fixture
def note(noted: Noted, capsysbinary: pytest.CaptureFixture[bytes]) -> Say:
    """The command; what it prints."""

    def run(*words: str) -> str:
        assert get_command(app).main(list(words), standalone_mode=False) == 0
        return capsysbinary.readouterr().out.decode()

    return run


def two_versions(noted: Noted) -> Path:
    made = noted.put(PATH, b"one\n")
    noted.history.keep(PATH, b"one\n", writer="alpha")
    made.write_bytes(b"two\n")
    noted.history.keep(PATH, b"two\n", writer="beta")
    return made


def test_history_and_show(noted: Noted, note: Say) -> None:
    made = two_versions(noted)
    lines = note("history", PATH).splitlines()
    assert ["seen by beta" in lines[0], "seen by alpha" in lines[1], len(lines)] == [True, True, 2]
    for spelled in (PATH, PATH.removesuffix(".md"), str(made), unicodedata.normalize("NFD", PATH)):
        rows = json.loads(note("history", spelled, "--json"))["versions"]
        assert [row["writer"] for row in rows] == ["beta", "alpha"]
    assert note("show", PATH) == "one\n"
    assert note("show", PATH, rows[0]["id"]) == "two\n"
    assert json.loads(note("show", PATH, rows[1]["id"], "--json"))["text"] == "one\n"
    assert note("history", "nothing.md") == "no earlier versions of nothing.md are kept\n"


def test_restore_and_restore_again(noted: Noted, note: Say) -> None:
    made = two_versions(noted)
    assert note("restore", PATH, "--dry-run").startswith("would restore ") and made.read_bytes() == b"two\n"
    assert note("restore", PATH).startswith("restored ") and made.read_bytes() == b"one\n"
    assert noted.records()[-1].event == "restored"
    note("restore", PATH)
    assert made.read_bytes() == b"two\n"
    made.unlink()
    note("restore", PATH)
    assert made.read_bytes() == b"two\n"


def test_restore_as_a_new_note_never_overwrites(noted: Noted, note: Say) -> None:
    made = two_versions(noted)
    note("restore", PATH, "--to", "01_Знания/Старый")
    assert (made.parent / "Старый.md").read_bytes() == b"one\n" and made.read_bytes() == b"two\n"
    for words in ((), ("--dry-run",)):
        with pytest.raises(FileRefused):
            note("restore", PATH, "--to", PATH, *words)


def test_a_snapshot_goes_back_as_a_whole(noted: Noted, note: Say) -> None:
    for number in range(25):
        noted.put(f"{number}.md", b"good %d" % number)
        noted.history.keep(f"{number}.md", b"good %d" % number)
    start = noted.records()[-1].time + 0.001
    for number in range(25):
        noted.put(f"{number}.md", b"")
        noted.history.keep(f"{number}.md", b"", writer="alpha")
    (noted.vault / "7.md").unlink()
    noted.history.record(snapshot_record(Burst("alpha", start, start + 60, (), 0), "0123456789ab", start + 60))
    assert note("restore", "--snapshot", "0123456789ab", "--dry-run").count("would restore") == 25
    assert json.loads(note("restore", "--snapshot", "0123456789ab", "--json"))["notes"][0]["said"] == "restored"
    assert [(noted.vault / f"{n}.md").read_bytes() for n in range(25)] == [b"good %d" % n for n in range(25)]


def test_a_snapshot_of_notes_that_it_made_has_nothing_to_put_back(noted: Noted, note: Say) -> None:
    noted.put(PATH, b"new")
    noted.history.keep(PATH, b"new")
    now = noted.records()[-1].time
    noted.history.record(snapshot_record(Burst("", now, now + 1, (PATH,), 0), "0123456789ab", now + 1))
    assert note("restore", "--snapshot", "0123456789ab").startswith("nothing to put back")
    assert (noted.records()[-1].event, noted.records()[-1].token) == ("restored", "0123456789ab"), "it is told no more"


def test_the_remedy_names_the_note(noted: Noted, note: Say) -> None:
    two_versions(noted)
    with pytest.raises(ProductError) as caught:
        note("show", PATH, "zz")
    words = shlex.split(caught.value.remedy or "")
    assert words[:3] == ["iapeer-memory", "note", "history"]
    assert note(*words[2:]) == note("history", PATH)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("restore",), UsageError), (("restore", PATH, "--snapshot", "x"), UsageError),
        (("restore", "--snapshot", "x"), ProductError), (("show", "../x"), UsageError),
        (("history", "/etc/passwd"), UsageError), (("show", "nothing.md"), ProductError),
    ],
)  # fmt: skip
def test_words_that_are_turned_down(note: Say, words: tuple[str, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        note(*words)


def test_a_link_is_not_written_through(noted: Noted, note: Say) -> None:
    made = two_versions(noted)
    made.unlink()
    made.symlink_to(noted.state / "outside.md")
    (noted.state / "outside.md").write_bytes(b"outside")
    with pytest.raises(FileRefused, match="is a link"):
        note("restore", PATH)
    assert (noted.state / "outside.md").read_bytes() == b"outside"
