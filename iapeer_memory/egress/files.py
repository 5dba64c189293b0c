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
from iapeer_memory.egress.atomic import create_in, link_in, opened_folder, replace_in, write_all
from iapeer_memory.egress.durable import FOLDER, opened, sync_folder, sync_tree
from iapeer_memory.egress.filestat import ABSENT, WORDS, file_stat, kind_of, reason_of, refuse, refuse_unless_absent
from iapeer_memory.egress.folders import make_folders

READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


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
        written = False
        while not written:
            with opened_folder(path) as (folder_fd, name):
                written = replace_in(folder_fd, name, data, mode, before)

    def create(self, path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> bool:
        """Write only if nothing is there; whoever sees the name sees the whole content."""
        with opened_folder(path) as (folder_fd, name):
            return create_in(folder_fd, name, data, mode, durable=durable)

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """Add to the end, making the file if needed. Short pieces of several writers do not mix."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        try:
            fd = os.open(path, flags, mode)
        except FileNotFoundError:
            make_folders(os.path.dirname(path))
            fd = os.open(path, flags, mode)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "is not a file", path)
            write_all(fd, data)
        finally:
            os.close(fd)

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        """With parents; no error if it is there."""
        make_folders(path, mode)

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
            with opened(folder, FOLDER) as folder_fd:
                sync_folder(folder_fd)

    def symlink(self, target: str, path: str) -> None:
        """Make or atomically replace a link; a folder in its place is an error."""
        with opened_folder(path) as (folder_fd, name):
            link_in(folder_fd, name, target)

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits; follows links."""
        os.chmod(path, mode)

    def touch(self, path: str) -> None:
        """Set the mtime to now, creating an empty file if needed."""
        try:
            os.utime(path)
        except FileNotFoundError:
            self.append(path, b"", mode=0o644)

    def sync(self, folder: str) -> None:
        """Wait until all in and below the folder is on the disk. Raises OSError."""
        sync_tree(folder)


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
