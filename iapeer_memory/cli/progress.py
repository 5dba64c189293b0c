"""A progress line for long sweeps, on a terminal only; Rich is imported when the first one is drawn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from iapeer_memory.surfaces.state import PeerResult

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LONG_SWEEP = 20
"""Peers from which a sweep shows how far it is."""


class SweepLine:
    """Call it after each peer; it draws, and takes its line away at the end."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, done: int, of: int, result: PeerResult) -> None:
        """`done` of `of` are through; the last was `result`."""
        if of <= LONG_SWEEP:
            return
        if self._bar is None:
            from rich.progress import Progress

            self._bar = Progress(transient=True)
            self._task = self._bar.add_task("peers", total=of)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=done, description=result.personality)
        if done == of:
            self._bar.stop()
            self._bar = None


def sweep_line(*, as_json: bool) -> SweepLine | None:
    """A progress line where somebody is watching a terminal."""
    return SweepLine() if sys.stdout.isatty() and not as_json else None
