"""Which build a newly started memoryd will be. Reads one link's record."""

from __future__ import annotations

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.build import running_build


def installed_build(files: Files, paths: Paths) -> str | None:
    """The build of the current runtime; None where none is installed."""
    try:
        if files.stat(paths.current_runtime) is None:
            return None
        return running_build(files, paths.current_runtime)
    except FileRefused:
        return None
