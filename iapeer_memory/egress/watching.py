"""A door that tells a watcher of each effect before and after it happens. What recording and faulty have in common.

Only effects that change something are told: making a folder that is there, or removing a file that is not, is none.
Never changes an answer of the door below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol, TypeVar

from iapeer_memory.domain.door import Files, Net, Processes, Response
from iapeer_memory.egress.effect import Effect, mode_text, ran, write_detail
from iapeer_memory.egress.launch import Launch, R
from iapeer_memory.egress.through import ASKING_METHODS, ThroughFiles, ThroughNet, ThroughProcesses

T = TypeVar("T")


class Watcher(Protocol):
    """Told of an effect; may raise, or end the process."""

    def before(self, effect: Effect) -> None: ...
    def after(self, effect: Effect) -> None: ...


@contextmanager
def told(watcher: Watcher, effect: Effect | None) -> Iterator[None]:
    """Tell of the effect around what makes it; None: nothing changes, nothing is told."""
    if effect is not None:
        watcher.before(effect)
    yield
    if effect is not None:
        watcher.after(effect)


class WatchedFiles(ThroughFiles):
    """Files whose writes are told."""

    def __init__(self, files: Files, watcher: Watcher) -> None:
        super().__init__(files)
        self._watcher = watcher

    def _change(self, effect: Effect, path: str, act: Callable[[], T]) -> T:
        with told(self._watcher, self._real(effect, path)):
            return act()

    def _real(self, effect: Effect, path: str) -> Effect | None:
        """The effect as it will be told; None where it will change nothing that can be seen."""
        match effect.verb:
            case "write":
                return replace(effect, detail=write_detail(self._there(path), effect.detail))
            case "create" | "mkdir":
                return None if self._there(path) else effect
            case "remove" | "remove_tree":
                return effect if self._there(path) else None
            case "rmdir":
                return effect if self._there(path) and not self.list(path) else None
            case "chmod":
                found = self.stat(path)
                return None if found is not None and mode_text(found.mode) == effect.detail else effect
            case "sync":
                return None
        return effect

    def _there(self, path: str) -> bool:
        return self.lstat(path) is not None


class WatchedProcesses(ThroughProcesses):
    """Processes whose starts and signals are told."""

    def __init__(self, processes: Processes, watcher: Watcher) -> None:
        super().__init__(processes)
        self._watcher = watcher

    def _launch(self, launch: Launch[R]) -> R:
        with told(self._watcher, ran(launch.verb, launch.argv)):
            return launch.go(launch.env)

    def signal(self, pid: int, number: int) -> bool:
        # Signal 0 only asks.
        with told(self._watcher, Effect("signal", str(pid), f"signal {number}") if number else None):
            return super().signal(pid, number)


class WatchedNet(ThroughNet):
    """A network whose requests that may change something are told."""

    def __init__(self, net: Net, watcher: Watcher) -> None:
        super().__init__(net)
        self._watcher = watcher

    def _fetch(self, url: str, method: str, act: Callable[[], Response]) -> Response:
        with told(self._watcher, None if method in ASKING_METHODS else Effect("fetch", url, method)):
            return act()
