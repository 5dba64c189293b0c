"""How many files a filesystem still has room for. Read-only."""

from __future__ import annotations

import os


def inode_counts(path: str) -> tuple[int, int]:
    """(all, still to be had by us) of the filesystem that the path lies on, or would.

    (0, 0) where the filesystem keeps no such count. Raises OSError.
    """
    place = os.path.abspath(path)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    found = os.statvfs(place)
    return found.f_files, found.f_favail
