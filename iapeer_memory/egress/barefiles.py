"""A few verbs of the file channel for the post-write hook, which cannot afford the channel's imports.

The names, arguments and answers are those of `domain.door.Files`. Never used where there is a door: this one knows no
sandbox and no dry run.
"""

from __future__ import annotations

import posix

NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
ADD = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK
SUFFIX = ".iapeer-memory.tmp"
"""With a dot, the name and twelve hex digits before it, a temp is swept as `egress.temps` says."""


class BareFiles:
    """Plain files of ours, outside the vault."""

    __slots__ = ()

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
