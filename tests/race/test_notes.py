"""Notes that somebody else writes at the very instant when we change them: nothing that was written is ever lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import Noted, noted_in
from tests.support.rivals import KINDS, rival, text

NOTE = "01_Knowledge/a.md"
STAMP = b"last_edited_by: somebody\n"


def stamped(data: bytes) -> bytes:
    """As a stamp does: once, and only where there is frontmatter."""
    return data if STAMP in data or not data.startswith(b"---\n") else b"---\n" + STAMP + data[4:]


def mark(number: int) -> bytes:
    """What is in version `number` and in no other."""
    return f"rival-{number}-\n".encode()


def race(noted: Noted, kind: str, rounds: int, *, seed: int = 1) -> tuple[int, list[int]]:
    """(rounds in which the two met, versions that are neither in the vault nor in history)."""
    note = noted.put(NOTE, text(0))
    met, missing = 0, []
    with rival(kind, note, seed) as other:
        for number in range(1, rounds + 1):
            other.begin(number)
            done = noted.writer.change(NOTE, stamped if number % 2 else lambda data: data + b"\n", writer="alpha")
            met += done.raced > 0
            assert done.status in ("written", "same", "gone", "open"), (done.status, done.reason)
            assert other.ended() == number
            if mark(number) not in note.read_bytes():
                missing.append(number)
                met += done.raced == 0
    noted.take_in()
    kept = b"".join(noted.kept()) + note.read_bytes()
    return met, [number for number in missing if mark(number) not in kept]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_write_of_a_rival_is_lost(kind: str, tmp_path: Path) -> None:
    noted = noted_in(tmp_path)
    met, lost = race(noted, kind, 500)
    assert lost == []
    assert met > 0, "the two never met: nothing was tried"
    assert noted.names() == [NOTE] and noted.spooled() == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_none_of_a_hundred_thousand_is_lost(kind: str, tmp_path: Path) -> None:
    for turn in range(25):
        noted = noted_in(tmp_path / str(turn))
        met, lost = race(noted, kind, 1000, seed=turn)
        assert lost == [] and met > 0, turn
        assert noted.names() == [NOTE] and noted.spooled() == []
