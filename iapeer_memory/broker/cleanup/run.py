"""One cleanup from the registry to the answer. A dry run unless it is confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from iapeer_memory.broker.cleanup.carry_out import carry_out
from iapeer_memory.broker.cleanup.ground import Ground
from iapeer_memory.broker.cleanup.lives import lives
from iapeer_memory.broker.cleanup.plan import planned
from iapeer_memory.broker.cleanup.request import Cleaned, Request
from iapeer_memory.broker.registry import scan
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.egress.temps import sweep_temps

HOMES = ("", "/.config", "/.cache", "/.local", "/.local/bin", "/.local/share", "/.local/state", "/Library")
"""Folders of a home in which all programs keep their own."""


def clean(around: Surroundings, request: Request, *, never: Sequence[str] = (), confirm: bool = False) -> Cleaned:
    """Prune or uninstall. `never`: what may not be touched whatever a manifest says: notes, history, backups.

    Raises nothing for what it finds; what cannot be told or deleted is an action with its reason.
    """
    entries = scan(around.door.files, around.registry.path, uid=around.uid)
    ground = Ground(
        files=around.door.files,
        uid=around.uid,
        here=around.here,
        registry=around.registry.path,
        now_ms=int(around.door.clock.now() * 1000),
        life=lives(around, entries),
        never=tuple(never),
        around=(around.definitions.path, *(f"{around.place.home}{below}" for below in HOMES)),
    )
    cleaned = carry_out(ground, planned(ground, entries, request), confirm=confirm)
    if confirm:
        for folder in (around.registry.path, around.definitions.path):
            _sweep(around, folder)
    return cleaned


def _sweep(around: Surroundings, folder: str) -> None:
    """Take away what writers that were killed left half-written; what cannot be taken away does no harm."""
    with suppress(OSError, FileRefused):
        sweep_temps(around.door.files, folder, uid=around.uid, now=around.door.clock.now())
