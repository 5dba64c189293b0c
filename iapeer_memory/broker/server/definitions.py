"""The definition of a service as it is on disk now, read anew only when something about its files has changed.

Looking whether folder and files are the same is far cheaper than checking and decoding them. What the look cannot see,
the permissions of the folders above, is checked again after a second at the latest. Never keeps a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.broker.service_file import file_path
from iapeer_memory.broker.service_files import GENERATIONS, load_combined
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.door import Files, FileStat

TRUST_SECONDS = 1.0
MOST = 64
Look = tuple[FileStat | None, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A definition, what its files looked like before it was read, and until when that look is enough."""

    definition: ServiceDefinition | None
    look: Look
    until: float


class Definitions:
    """All definitions of one folder, by service. `now`: a monotonic clock, in seconds."""

    __slots__ = ("_files", "_folder", "_known", "_now", "_uid")

    def __init__(self, files: Files, folder: str, uid: int, now: Callable[[], float]) -> None:
        self._files = files
        self._folder = folder
        self._uid = uid
        self._now = now
        self._known: dict[str, Known] = {}

    def __call__(self, name: str) -> ServiceDefinition | None:
        """The one that counts; None where there is none. `name`: a valid one. Raises DefinitionRefused, Unreadable."""
        look, now = self._look(name), self._now()
        known = self._known.get(name)
        if known is not None and known.look == look and now < known.until:
            return known.definition
        self._known.pop(name, None)
        installed = load_combined(self._files, self._folder, name, uid=self._uid)
        definition = None if installed is None else installed.definition
        if definition is not None:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[name] = Known(definition, look, now + TRUST_SECONDS)
        return definition

    def _look(self, name: str) -> Look:
        paths = (self._folder, *(file_path(self._folder, name, generation) for generation in GENERATIONS))
        return tuple(self._files.lstat(path) for path in paths)
