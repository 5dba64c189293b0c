"""A few verbs of the file channel for hooks and the stdio bridge, which cannot afford the channel's imports.

The names, arguments and answers are those of `domain.door.Files`. Never used where there is a door: this one knows no
sandbox and no dry run.
"""

from __future__ import annotations

import posix
from stat import S_ISREG

from iapeer_memory.domain.errors import Unreadable

READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOCTTY
PIECE = 1 << 16
NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
ADD = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK
SUFFIX = ".iapeer-memory.tmp"
"""With a dot, the name and twelve hex digits before it, a temp is swept as `egress.temps` says."""


class BareFiles:
    """Plain files of ours, outside the vault."""

    __slots__ = ()

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        """The whole file, None when absent; follows links, never waits for a FIFO. Raises Unreadable."""
        try:
            fd = posix.open(path, READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise Unreadable(path, f"it cannot be opened ({error})") from None
        parts: list[bytes] = []
        total = 0
        try:
            if not S_ISREG(posix.fstat(fd).st_mode):
                raise Unreadable(path, "it is no file")
            while piece := posix.read(fd, PIECE):
                parts.append(piece)
                total += len(piece)
                if limit is not None and total > limit:
                    raise Unreadable(path, f"it is larger than {limit} bytes")
        except OSError as error:
            raise Unreadable(path, f"it cannot be read ({error.strerror})") from None
        finally:
            posix.close(fd)
        return b"".join(parts)

    def realpath(self, path: str) -> str:
        """The one name of what is there, links followed. Raises OSError."""
        from os.path import realpath

        return realpath(path, strict=True)

    def exists(self, path: str) -> bool:
        """Whether something is there."""
        return posix.access(path, posix.F_OK)

    def append(self, path: str, data: bytes, *, mode: int = 0o600) -> None:
        """Add to the end in one write, making the file if needed; its folder must be there. Raises OSError."""
        fd = posix.open(path, ADD, mode)
        try:
            done = posix.write(fd, data)
            if done != len(data):
                posix.write(fd, data[done:])
        finally:
            posix.close(fd)

    def create(self, path: str, data: bytes, *, mode: int = 0o644, durable: bool = True) -> bool:
        """Write only if nothing is there, whole or not at all; False when something is. Raises OSError."""
        if self.exists(path):
            return False
        folder, _, name = path.rpartition("/")
        temp = f"{folder}/.{name}.{posix.urandom(6).hex()}{SUFFIX}"
        fd = posix.open(temp, NEW, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[posix.write(fd, view) :]
            if durable:
                posix.fsync(fd)
            # Replaces what came meanwhile: whoever writes here writes the same bytes under the same name.
            posix.rename(temp, path)
        except BaseException:
            if self.exists(temp):
                posix.unlink(temp)
            raise
        finally:
            posix.close(fd)
        return True

    def mkdir(self, path: str, *, mode: int = 0o755) -> None:
        """With parents; no error if it is there. Raises OSError."""
        try:
            posix.mkdir(path, mode)
        except FileExistsError:
            return
        except FileNotFoundError:
            parent = path.rpartition("/")[0]
            if not parent:
                raise
            self.mkdir(parent, mode=mode)
            self.mkdir(path, mode=mode)
