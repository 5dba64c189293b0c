"""A door that does everything and remembers what it did. Never changes an answer."""

from __future__ import annotations

from dataclasses import replace

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.watching import WatchedFiles, WatchedNet, WatchedProcesses


class Recorder:
    """Adds each effect to a list once it has happened."""

    def __init__(self, effects: list[Effect]) -> None:
        self._effects = effects

    def before(self, effect: Effect) -> None:
        """Nothing: an effect that fails is not recorded."""

    def after(self, effect: Effect) -> None:
        """Remember it."""
        self._effects.append(effect)


def recording(door: Door) -> tuple[Door, list[Effect]]:
    """(the same door, the list that grows with each effect that succeeded)."""
    effects: list[Effect] = []
    watcher = Recorder(effects)
    watched = replace(
        door,
        files=WatchedFiles(door.files, watcher),
        processes=WatchedProcesses(door.processes, watcher),
        net=WatchedNet(door.net, watcher),
        kind="recording",
    )
    return watched, effects
