"""The progress line: only for long sweeps, one line that is wiped at the end."""

from __future__ import annotations

from iapeer_memory.cli.progress import LONG_SWEEP, WIPE, SweepLine
from iapeer_memory.surfaces.state import PeerResult


def drawn(of: int, name: str = "alpha") -> list[str]:
    """What is written for a sweep of that many."""
    said: list[str] = []
    line = SweepLine(said.append)
    for done in range(1, of + 1):
        line(done, of, PeerResult(name, "claude", "/x"))
    return said


def test_a_short_sweep_shows_nothing() -> None:
    assert drawn(LONG_SWEEP) == []


def test_a_long_sweep_shows_a_line_a_percent_and_wipes_it() -> None:
    said = drawn(1000)
    assert said[0] == f"{WIPE}  0%  1 of 1000 peer-runtimes  alpha" and said[-1] == WIPE
    assert len(said) == 101 and all(text.startswith(WIPE) and "\n" not in text for text in said)


def test_a_name_cannot_move_the_cursor() -> None:
    assert "\x1b" not in drawn(30, "a\x1b[1A")[0].removeprefix(WIPE)
