"""The file channel: read without ever blocking, written so that a reader sees old or new and never half.

Never reads a pipe or a device; never leaves a temp behind while it lives; never calls something absent that is merely
unreadable.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from shlex import quote

from iapeer_memory.domain.door import FileStat
from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.egress.filestat import ABSENT, WORDS, file_stat, kind_of, reason_of, refuse, refuse_unless_absent
from iapeer_memory.egress.temps import open_temp, temp_name

READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
SPECIAL_BITS = 0o7000
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class RealFiles:
    """Implements `domain.door.Files` on the disk."""

    __slots__ = ()

    def read(self, path: str, *, limit: int | None = None) -> bytes:
        """The whole file. Raises FileNotFoundError, Unreadable."""
        try:
            fd = os.open(path, READ)
        except (OSError, ValueError) as error:
            refuse(path, error)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise Unreadable(path, f"is {WORDS[kind_of(found.st_mode)]}, not a file")
            size = found.st_size
            if limit is not None and size > limit:
                raise too_large(path, limit)
            data = os.read(fd, size + 1)
            if size and len(data) == size:
                return data
            return self._rest(fd, path, data, limit)
        except OSError as error:
            refuse(path, error)
        finally:
            os.close(fd)

    def _rest(self, fd: int, path: str, data: bytes, limit: int | None) -> bytes:
        """A file that grew, shrank or does not tell its size: read until there is no more."""
        parts, total = [data], len(data)
        while parts[-1]:
            if limit is not None and total > limit:
                raise too_large(path, limit)
            parts.append(os.read(fd, 1 << 20))
            total += len(parts[-1])
        return b"".join(parts)

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        """As `read`, None when absent."""
        try:
            return self.read(path, limit=limit)
        except FileNotFoundError:
            return None

    def stat(self, path: str) -> FileStat | None:
        """What the path leads to; None when absent, a link that leads nowhere included."""
        try:
            return file_stat(os.stat(path))
        except (OSError, ValueError) as error:
            refuse_unless_absent(path, error)
            return None

    def lstat(self, path: str) -> FileStat | None:
        """The path itself; None when absent."""
        try:
            return file_stat(os.lstat(path))
        except (OSError, ValueError) as error:
            refuse_unless_absent(path, error)
            return None

    def realpath(self, path: str) -> str:
        """The path without links; what does not exist is taken as it stands."""
        try:
            return os.path.realpath(path)
        except (OSError, ValueError) as error:
            refuse(path, error)

    def readlink(self, path: str) -> str:
        """Where a link points, as written in it."""
        try:
            return os.readlink(path)
        except (OSError, ValueError) as error:
            refuse(path, error)

    def list(self, path: str) -> tuple[str, ...]:
        """Sorted names; () when absent."""
        try:
            return tuple(sorted(os.listdir(path)))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            if isinstance(error, NotADirectoryError) and self.lstat(path) is None:
                return ()
            raise Unreadable(path, reason_of(error)) from None

    def write(
        self, path: str, data: bytes, *, mode: int | None = None, before: Callable[[], None] | None = None
    ) -> None:
        """Replace atomically. `before` runs just before the rename; when it raises, nothing has changed."""
        path = final_target(path)
        folder, name = os.path.split(path)
        while True:
            folder_fd = open_folder(folder)
            try:
                if self._write_in(folder_fd, name, data, mode, before):
                    return
            except OSError as error:
                raise naming(error, path) from None
            finally:
                os.close(folder_fd)

    def _write_in(
        self, folder_fd: int, name: str, data: bytes, mode: int | None, before: Callable[[], None] | None
    ) -> bool:
        """False when a sweeper took the temp away in the instant before it was claimed."""
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

    def create(self, path: str, data: bytes, *, mode: int = 0o644) -> bool:
        """Write only if nothing is there; whoever sees the name sees the whole content."""
        folder, name = os.path.split(path)
        folder_fd = open_folder(folder)
        try:
            if stat_at(folder_fd, name) is not None:
                return False
            fd, temp = open_temp(folder_fd, name, 0o600)
            try:
                os.fchmod(fd, mode)
                write_all(fd, data)
                os.fsync(fd)
                try:
                    os.link(temp, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno not in NO_HARD_LINKS:
                        raise
                    if not create_in_place(folder_fd, name, data, mode):
                        return False
            finally:
                os.close(fd)
                unlink_quietly(temp, folder_fd)
            sync_folder(folder_fd)
            return True
        except OSError as error:
            raise naming(error, path) from None
        finally:
            os.close(folder_fd)

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """Add to the end, making the file if needed. Short pieces of several writers do not mix."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        try:
            fd = os.open(path, flags, mode)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            fd = os.open(path, flags, mode)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "is not a file", path)
            write_all(fd, data)
        finally:
            os.close(fd)

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        """With parents; no error if it is there."""
        os.makedirs(path, mode, exist_ok=True)

    def remove(self, path: str) -> bool:
        """Unlink a file or a link; False when absent."""
        try:
            os.unlink(path)
        except OSError as error:
            if error.errno in ABSENT:
                return False
            raise
        return True

    def rmdir(self, path: str) -> bool:
        """Remove an empty folder; False when absent or not empty."""
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                return False
            if error.errno == errno.ENOTDIR and self.lstat(path) is None:
                return False
            raise
        return True

    def remove_tree(self, path: str) -> None:
        """Remove a folder and all in it, links as links. Raises OSError where the path itself is a link."""
        import shutil

        try:
            shutil.rmtree(path)
        except (FileNotFoundError, NotADirectoryError):
            if self.lstat(path) is not None:
                raise

    def rename(self, source: str, target: str) -> None:
        """Move within one filesystem, replacing a file."""
        os.rename(source, target)
        for folder in {os.path.dirname(source), os.path.dirname(target)}:
            folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                sync_folder(folder_fd)
            finally:
                os.close(folder_fd)

    def symlink(self, target: str, path: str) -> None:
        """Make or atomically replace a link; a folder in its place is an error."""
        folder, name = os.path.split(path)
        folder_fd = open_folder(folder)
        try:
            temp = temp_name(name)
            os.symlink(target, temp, dir_fd=folder_fd)
            try:
                os.rename(temp, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
            except BaseException:
                unlink_quietly(temp, folder_fd)
                raise
            sync_folder(folder_fd)
        finally:
            os.close(folder_fd)

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits; follows links."""
        os.chmod(path, mode)

    def touch(self, path: str) -> None:
        """Set the mtime to now, creating an empty file if needed."""
        try:
            os.utime(path)
        except FileNotFoundError:
            self.append(path, b"", mode=0o644)


def naming(error: OSError, path: str) -> OSError:
    """The error, telling the whole path: calls on an open folder know only a name in it, or that of a temp."""
    error.filename, error.filename2 = path, None
    return error


def too_large(path: str, limit: int) -> Unreadable:
    """The refusal of a file that is larger than anything of its kind."""
    return Unreadable(path, f"is larger than {limit} bytes", remedy=f"mv {quote(path)} {quote(path + '.large')}")


def final_target(path: str) -> str:
    """Where a final link leads; raises FileNotFoundError for one that leads nowhere."""
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return path
    if not is_link:
        return path
    target = os.path.realpath(path)
    if not os.path.exists(target):
        raise FileNotFoundError(errno.ENOENT, "is a link that leads nowhere", path)
    return target


def open_folder(folder: str) -> int:
    """Open the folder, making it and its parents if needed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(folder or ".", flags)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        return os.open(folder, flags)


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


def create_in_place(folder_fd: int, name: str, data: bytes, mode: int) -> bool:
    """Exclusive creation for filesystems without hard links; False when the name is taken."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, 0o600, dir_fd=folder_fd)
    except FileExistsError:
        return False
    try:
        os.fchmod(fd, mode)
        write_all(fd, data)
        os.fsync(fd)
    except BaseException:
        unlink_quietly(name, folder_fd)
        raise
    finally:
        os.close(fd)
    return True


def unlink_quietly(name: str, folder_fd: int) -> None:
    """Clean-up on a path that already fails."""
    try:
        os.unlink(name, dir_fd=folder_fd)
    except OSError:
        return


def sync_folder(folder_fd: int) -> None:
    """Make a rename last; filesystems that cannot sync a folder are left alone."""
    try:
        os.fsync(folder_fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
