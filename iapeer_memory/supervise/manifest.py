"""memoryd's cache manifest: what it keeps on disk and what becomes of it. In the user's registry, and beside the index.

Notes, their history and backups are never pruned; the state folder is the uninstall's to clear; index and logs may go
while memoryd does not run. They are named file by file, because a setting may put them into a folder of somebody
else's. Generation 1 only: generation 2 cannot say of anything that it is never pruned.
"""

from __future__ import annotations

from os.path import dirname

from iapeer_memory.broker.manifest_builder import cache_manifest
from iapeer_memory.broker.manifest_file import central_path, write_beside, write_central
from iapeer_memory.broker.private_folder import is_private
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.broker.wire_v1.manifest import CacheManifest, CacheRoot, CacheRootKind, StorageDisposition
from iapeer_memory.broker.wire_v1.process import DaemonProcess
from iapeer_memory.domain.paths import Paths

LOGS_KEPT = 3


def manifest(around: Surroundings, paths: Paths, *, vault: str, version: str, process: DaemonProcess) -> CacheManifest:
    """The manifest of a memoryd that runs. `version`: as brokers write it."""
    now = int(around.door.clock.now() * 1000)
    made = cache_manifest(paths.service, version, host=around.here, now_unix_ms=now).daemon(process)
    for path in (vault, paths.history, paths.backups):
        made = made.precious(path)
    for path in (paths.state_dir, paths.config_dir):
        kind = CacheRootKind.DATA if path == paths.state_dir else CacheRootKind.CONFIG
        made = made.root(CacheRoot(path=path, kind=kind, disposition=StorageDisposition.PRESERVE_ACROSS_UNINSTALL))
    for path in index_files(paths):
        made = made.rebuildable(path)
    for path in log_files(paths):
        made = made.rebuildable(path, kind=CacheRootKind.LOGS)
    return made.build()


def index_files(paths: Paths) -> tuple[str, ...]:
    """The index and what SQLite keeps beside it."""
    return tuple(f"{paths.index_db}{end}" for end in ("", "-wal", "-shm"))


def log_files(paths: Paths) -> tuple[str, ...]:
    """memoryd's log and those before it."""
    return (paths.daemon_log, *(f"{paths.daemon_log}.{number}" for number in range(1, LOGS_KEPT)))


def place(around: Surroundings, paths: Paths, version: str) -> str:
    """Where the manifest is registered. Raises ManifestRefused."""
    return central_path(around.registry.path, paths.service, version, 1)


def register(around: Surroundings, paths: Paths, made: CacheManifest) -> None:
    """Write it. Beside the index only in the cache's own folder, and where that is private already: none is closed.

    Raises ManifestRefused, Unreadable, OSError with the old one as it was, UnicodeError for paths that are no text.
    """
    files = around.door.files
    write_central(files, around.registry.path, made, uid=around.uid)
    folder = dirname(paths.index_db)
    if folder == paths.cache_dir and is_private(files, folder, around.uid):
        write_beside(files, folder, made, uid=around.uid)
