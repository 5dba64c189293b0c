"""Making folders on the way to a file. Never makes one that others may write to, whatever the umask says."""

from __future__ import annotations

import os

MODE = 0o755


def make_folders(path: str, mode: int = MODE) -> None:
    """The folder, with its parents; no error if it is there. `mode` is for the last one alone. Raises OSError."""
    try:
        os.mkdir(path, mode)
    except FileNotFoundError:
        parent = os.path.dirname(path.rstrip("/"))
        if parent in ("", path):
            raise
        make_folders(parent)
        make_folders(path, mode)
    except OSError:
        if not os.path.isdir(path):
            raise
