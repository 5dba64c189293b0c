"""What a Start comes to: found running, else launched, else why not. Blocking: runs beside the event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.broker.server.starting import Failed, Found, Start
from iapeer_memory.broker.spawn.find import Finder
from iapeer_memory.broker.spawn.launch import Launcher

STEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Starter:
    """Finds and launches. `taken`: socket paths that live backends have."""

    finder: Finder
    launcher: Launcher
    taken: Callable[[str], bool]

    def run(self, start: Start, given_up: Callable[[], bool]) -> Found | Failed | None:
        """The outcome; None: it does not run, and may not be launched."""
        found = self.finder.find(start, given_up)
        if found is not None or not start.may_launch:
            return found
        clock = self.launcher.prover.door.clock
        end = clock.monotonic() + start.delay_ms / 1_000
        while not given_up() and (left := end - clock.monotonic()) > 0:
            clock.sleep(min(left, STEP_SECONDS))
        outcome = self.launcher.launch(start, taken=self.taken, given_up=given_up)
        if isinstance(outcome, Failed):
            self.finder.records.forget(start.key)
        return outcome
