"""Clearing up after a memoryd that was killed: its temporary files in its own folders, and where brokers look.

Those in the vault may hold words of a note and are taken in by notes/late.py instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from os.path import dirname, join

from iapeer_memory.context.files import INDEXES
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.temps import sweep_temps
from iapeer_memory.supervise import outside


def clear_up(door: Door, paths: Paths) -> None:
    """Remove them; what cannot be removed stays for the next start. The caller holds memoryd's lock."""
    own = (paths.state_dir, join(paths.state_dir, INDEXES), paths.cache_dir, dirname(paths.index_db))
    waiting = (*own, *outside.folders(door.files, paths))
    for folder in (*dict.fromkeys(waiting), *_folders(door.files, paths.contexts)):
        try:
            sweep_temps(door.files, folder, uid=uid(), now=door.clock.now())
        except (ProductError, OSError):
            continue


def _folders(files: Files, top: str) -> Iterator[str]:
    """This folder and every one below it; follows no link."""
    found = files.lstat(top)
    if found is not None and found.kind == "dir":
        yield top
        for name in files.list(top):
            yield from _folders(files, join(top, name))
