"""Writing a name in an open folder so that whoever looks sees old or new and never half.

Never leaves a temp behind while it lives. Everything here raises OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iapeer_memory.egress.durable import FOLDER, sync_folder
from iapeer_memory.egress.filestat import WORDS, kind_of
from iapeer_memory.egress.folders import make_folders
from iapeer_memory.egress.temps import open_temp, temp_name

SPECIAL_BITS = 0o7000
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


@contextmanager
def opened_folder(path: str) -> Iterator[tuple[int, str]]:
    """(descriptor of the folder of a path, name in it); the folder and its parents are made if needed.

    An error inside tells the whole path: calls on an open folder know only a name in it, or that of a temp.
    """
    folder, name = os.path.split(path)
    try:
        fd = os.open(folder or ".", FOLDER)
    except FileNotFoundError:
        make_folders(folder)
        fd = os.open(folder, FOLDER)
    try:
        yield fd, name
    except OSError as error:
        error.filename = path
        del error.filename2  # None would be printed as a second name
        raise error from None
    finally:
        os.close(fd)


def replace_in(folder_fd: int, name: str, data: bytes, mode: int | None, before: Callable[[], None] | None) -> bool:
    """Replace a file, see `Files.write`; False when a sweeper took the temp away in the instant before it was
    claimed, or the folder went."""
    old = stat_at(folder_fd, name)
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, f"is {WORDS[kind_of(old.st_mode)]}, not a file", name)
    plain = old is None and mode is None
    fd, temp = open_temp(folder_fd, name, 0o644 if plain else 0o600)
    try:
        try:
            final = None if plain else own_as(fd, old, mode)
            write_all(fd, data)
            if final is not None and final & SPECIAL_BITS:
                # Writing to a file takes these bits off it, unless one is root.
                os.fchmod(fd, final)
            os.fsync(fd)
            if before is not None:
                before()
            try:
                os.rename(temp, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
            except FileNotFoundError:
                if os.fstat(fd).st_nlink == 0:
                    return False
                raise
        finally:
            os.close(fd)
    except BaseException:
        unlink_quietly(temp, folder_fd)
        raise
    sync_folder(folder_fd)
    return True


def create_in(folder_fd: int, name: str, data: bytes, mode: int, *, durable: bool) -> bool:
    """Make a file where there is none; False when the name is taken. See `Files.create`."""
    if stat_at(folder_fd, name) is not None:
        return False
    fd, temp = open_temp(folder_fd, name, 0o600)
    try:
        os.fchmod(fd, mode)
        write_all(fd, data)
        if durable:
            os.fsync(fd)
        try:
            os.link(temp, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            if not create_in_place(folder_fd, name, data, mode, durable=durable):
                return False
    finally:
        os.close(fd)
        unlink_quietly(temp, folder_fd)
    if durable:
        sync_folder(folder_fd)
    return True


def create_in_place(folder_fd: int, name: str, data: bytes, mode: int, *, durable: bool) -> bool:
    """Exclusive creation for filesystems without hard links; False when the name is taken."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, 0o600, dir_fd=folder_fd)
    except FileExistsError:
        return False
    try:
        os.fchmod(fd, mode)
        write_all(fd, data)
        if durable:
            os.fsync(fd)
    except BaseException:
        unlink_quietly(name, folder_fd)
        raise
    finally:
        os.close(fd)
    return True


def link_in(folder_fd: int, name: str, target: str) -> None:
    """Make or replace a symbolic link."""
    temp = temp_name(name)
    os.symlink(target, temp, dir_fd=folder_fd)
    try:
        os.rename(temp, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except BaseException:
        unlink_quietly(temp, folder_fd)
        raise
    sync_folder(folder_fd)


def stat_at(folder_fd: int, name: str) -> os.stat_result | None:
    """lstat in an open folder; None when absent."""
    try:
        return os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def own_as(fd: int, old: os.stat_result | None, mode: int | None) -> int | None:
    """Give the new file the owner of the old one where we may, then its mode (or the one asked for); that mode."""
    if old is not None:
        mine = os.fstat(fd)
        if (mine.st_uid, mine.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.fchown(fd, old.st_uid, old.st_gid)
            except OSError:
                give_group(fd, old.st_gid)
        mode = stat.S_IMODE(old.st_mode) if mode is None else mode
    if mode is not None:
        os.fchmod(fd, mode)
    return mode


def give_group(fd: int, gid: int) -> None:
    """The group alone, for those who may not give files away; best effort."""
    try:
        os.fchown(fd, -1, gid)
    except OSError:
        return


def write_all(fd: int, data: bytes) -> None:
    """Every byte, or OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def unlink_quietly(name: str, folder_fd: int) -> None:
    """Clean-up on a path that already fails."""
    try:
        os.unlink(name, dir_fd=folder_fd)
    except OSError:
        return
