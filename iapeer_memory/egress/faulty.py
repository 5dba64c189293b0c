"""A door that fails, or dies, at the Nth effect: for proving that the same command then converges. Tests only.

The variable `IAPEER_MEMORY_FAULT` asks for it (`die:3`, `die-after:3`, `error:3`); `compose` honours it in the sandbox
alone. Children do not inherit the fault, the program that we become does, with what is left of the count.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from iapeer_memory.domain.door import Door, Processes
from iapeer_memory.egress.effect import Effect, ran
from iapeer_memory.egress.launch import Launch, R
from iapeer_memory.egress.watching import WatchedFiles, WatchedNet, WatchedProcesses

VARIABLE = "IAPEER_MEMORY_FAULT"
FORM = re.compile(r"(error|die|die-after):([1-9][0-9]{0,8})\Z", re.ASCII)
KILLED = 137
How = Literal["error", "die", "die-after"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens (OSError "no space left", or the end of the process before or after the effect), at which one."""

    how: How
    at: int

    def text(self, spent: int = 0) -> str:
        """The variable's value, with some effects already counted."""
        return f"{self.how}:{max(self.at - spent, 1)}"


def parse_fault(text: str) -> Fault | None:
    """The variable's value; None for anything else."""
    match = FORM.match(text)
    if match is None:
        return None
    how: How = "error" if match[1] == "error" else "die" if match[1] == "die" else "die-after"
    return Fault(how, int(match[2]))


class Saboteur:
    """Counts effects from 1 and strikes at one of them."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._struck: Effect | None = None
        self.count = 0

    def before(self, effect: Effect) -> None:
        """Raises OSError (ENOSPC) or ends the process, where it is time."""
        self.count += 1
        if self.count != self._fault.at:
            return
        self._struck = effect
        if self._fault.how == "error":
            raise OSError(
                errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (fault at effect {self.count})", str(effect.target)
            )
        if self._fault.how == "die":
            os._exit(KILLED)

    def after(self, effect: Effect) -> None:
        """Ends the process where it is time."""
        # Not by the count: there may have been effects within this one.
        if effect is self._struck and self._fault.how == "die-after":
            os._exit(KILLED)

    def environment_for(self, env: Mapping[str, str], *, same_operation: bool) -> dict[str, str]:
        """The environment of a child (no fault) or of the program that we become (the rest of the count)."""
        rest = {name: value for name, value in env.items() if name != VARIABLE}
        if same_operation and VARIABLE in env and self.count < self._fault.at:
            rest[VARIABLE] = self._fault.text(self.count)
        return rest


class FaultyProcesses(WatchedProcesses):
    """Processes that hand the fault on only to the program that we become."""

    def __init__(self, processes: Processes, saboteur: Saboteur) -> None:
        super().__init__(processes, saboteur)
        self._saboteur = saboteur

    def _launch(self, launch: Launch[R]) -> R:
        if launch.verb != "replace":
            given = self._saboteur.environment_for(launch.env, same_operation=False)
            return super()._launch(replace(launch, env=given))
        # Counted here rather than above, so that what is left is known before we are somebody else.
        self._saboteur.before(ran("replace", launch.argv))
        return launch.go(self._saboteur.environment_for(launch.env, same_operation=True))


def faulty(door: Door, at: int, how: How) -> Door:
    """The same door, striking at effect number `at` (from 1)."""
    saboteur = Saboteur(Fault(how, at))
    return replace(
        door,
        files=WatchedFiles(door.files, saboteur),
        processes=FaultyProcesses(door.processes, saboteur),
        net=WatchedNet(door.net, saboteur),
        kind="faulty",
    )
