"""The journal: an interrupted command can say what it had done."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.provision.journal import Journal, interrupted


def test_an_interrupted_command_is_told(door: Door, tmp_path: Path) -> None:
    path = str(tmp_path / "journal.json")
    journal = Journal(door, path, "update", "0.5.0")
    journal.begin("binary")
    journal.end("binary")
    journal.begin("surfaces")
    found = interrupted(door, path)
    assert found is not None and (found.done, found.begun) == (("binary",), "surfaces")
    assert found.sentence("update") == (
        "the last update (0.5.0) was interrupted while it was in step surfaces; done before: binary; finishing it now"
    )
    assert found.sentence("verify").endswith("to finish it: iapeer-memory update")


def test_a_command_that_came_to_its_end_leaves_none(door: Door, tmp_path: Path) -> None:
    journal = Journal(door, str(tmp_path / "journal.json"), "init", "0.5.0")
    journal.begin("vault")
    journal.close()
    assert interrupted(door, journal.path) is None and not (tmp_path / "journal.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 7}', "\0"])
def test_garbage_is_no_journal(door: Door, tmp_path: Path, text: str) -> None:
    (tmp_path / "journal.json").write_text(text)
    assert interrupted(door, str(tmp_path / "journal.json")) is None
