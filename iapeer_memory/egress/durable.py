"""Making what was written outlive a loss of power: one folder's names, or a whole tree at once.

Source: syncfs(2), fsync(2). Writes nothing itself.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


@contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    """An open descriptor."""
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def sync_folder(folder_fd: int) -> None:
    """Make a rename last; filesystems that cannot sync a folder are left alone."""
    try:
        os.fsync(folder_fd)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise


def sync_tree(folder: str) -> None:
    """Make everything in and below a folder last. Raises OSError, for an absent folder too."""
    with opened(folder, FOLDER) as fd:
        if not sync_filesystem(fd):
            sync_each(folder)


def sync_filesystem(fd: int) -> bool:
    """All of the filesystem at once, thousands of files for the price of one; False where the system cannot."""
    if sys.platform != "linux":
        # Others have `sync` alone, which may return before anything is on the disk.
        return False
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    if syncfs(fd) == 0:
        return True
    number = ctypes.get_errno()
    if number == errno.ENOSYS or number in CANNOT_SYNC:
        return False
    raise OSError(number, os.strerror(number))


def sync_each(folder: str) -> None:
    """Every file and folder of a tree, one by one."""
    for place, _, names in os.walk(folder, onerror=raise_it):
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with opened(path, FILE) as fd:
                    os.fsync(fd)
        with opened(place, FOLDER) as fd:
            sync_folder(fd)


def raise_it(error: OSError) -> None:
    """`os.walk` leaves out what it cannot list unless it is told not to."""
    raise error
