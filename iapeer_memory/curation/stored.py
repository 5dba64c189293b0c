"""The state on the disk: both files read at the start, written when something has changed. Decides nothing."""

from __future__ import annotations

from iapeer_memory.curation.state import BATCHES, HASHES, State, dump_batches, dump_hashes, load
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError

LIMIT = 1 << 30
PRIVATE = 0o600


def load_state(files: Files, folder: str, root: str) -> State:
    """The state kept in that folder for the vault at `root`. A file that cannot be read counts as none."""
    return load(_read(files, f"{folder}/{HASHES}"), _read(files, f"{folder}/{BATCHES}"), root)


def save_state(files: Files, folder: str, root: str, state: State) -> bool:
    """Write both files where the state has changed since; whether it had. Raises OSError, the state then as before."""
    if not state.changed:
        return False
    files.write(f"{folder}/{HASHES}", dump_hashes(state, root), mode=PRIVATE)
    files.write(f"{folder}/{BATCHES}", dump_batches(state), mode=PRIVATE)
    state.changed = False
    return True


def _read(files: Files, path: str) -> bytes | None:
    try:
        return files.read_optional(path, limit=LIMIT)
    except (ProductError, OSError):
        return None
