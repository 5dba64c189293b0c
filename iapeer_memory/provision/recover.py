"""Clearing up after a command of ours that was killed: temporary files and half-made runtimes in folders of ours.

What it was doing to foreign files is told by the log beside the ledger, and cleared with it. Never looks into a
peer's folder, never removes a file that is not a temporary one of ours.
"""

from __future__ import annotations

from os.path import dirname, join

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.host import uid
from iapeer_memory.egress.temps import sweep_temps
from iapeer_memory.provision.host import Host
from iapeer_memory.provision.runtime.install import one_at_a_time
from iapeer_memory.provision.runtime.shelf import Shelf
from iapeer_memory.provision.steps.launcher import declaration
from iapeer_memory.supervise import outside


def recover(host: Host) -> None:
    """Clear up; what cannot be cleared is left for the next time. The caller holds the operation lock."""
    files = host.door.files
    for folder in own_folders(host):
        try:
            sweep_temps(files, files.realpath(folder), uid=uid(), now=host.door.clock.now())
        except (ProductError, OSError):
            continue
    if files.list(host.paths.runtimes):
        try:
            with one_at_a_time(host.door, host.paths):
                Shelf(host.door, host.paths).prune()
        except (ProductError, OSError):
            return


def own_folders(host: Host) -> tuple[str, ...]:
    """Folders in which we write files of our own, those included where brokers look."""
    paths = host.paths
    locales = tuple(join(paths.templates, name) for name in host.door.files.list(paths.templates))
    folders = (
        paths.state_dir, paths.backups, paths.runtimes, paths.config_dir, paths.hooks_dir, *locales, paths.cache_dir,
        paths.logs_dir, paths.root, dirname(paths.guide), dirname(paths.stable_binary),
        declaration(host).folder, *outside.folders(host.door.files, paths),
    )  # fmt: skip
    return tuple(dict.fromkeys(folders))
