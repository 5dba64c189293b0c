"""A progress line for long sweeps, on a terminal only: wiped at the end, and an interrupt leaves nothing hidden."""

from __future__ import annotations

import sys
from collections.abc import Callable

from iapeer_memory.domain.errors import printable
from iapeer_memory.surfaces.state import PeerResult

LONG_SWEEP = 20
"""Peers from which a sweep shows how far it is."""
WIPE = "\r\x1b[2K"


class SweepLine:
    """Call it after each peer; it draws one line over and over, and takes it away at the end."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._shown = -1

    def __call__(self, done: int, of: int, result: PeerResult) -> None:
        """`done` of `of` are through; the last was `result`."""
        if of <= LONG_SWEEP:
            return
        percent = done * 100 // of
        if done == of:
            self._write(WIPE)
            self._shown = -1
        elif percent != self._shown:
            self._shown = percent
            self._write(f"{WIPE}{percent:3}%  {done} of {of} peer-runtimes  {printable(result.personality)[:40]}")


def sweep_line(*, as_json: bool) -> SweepLine | None:
    """A progress line where somebody is watching a terminal."""
    if as_json or not sys.stdout.isatty():
        return None

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    return SweepLine(write)
