"""One note on the disk: found without following links, read when nobody is writing it, exchanged for its new text.

Used by every writer of notes, the post-write hook among them: imports nothing heavy. A rival that truncates and writes
in place goes on with the file that it has open, so what an exchange has displaced is looked at, and never just removed.
Never follows a link below the vault; never opens what is not a plain file of ours with one name; never replaces what
it has not read.
"""

from __future__ import annotations

import posix
import sys
import time

from iapeer_memory.egress.exchange import CANNOT, NO_HARD_LINKS, exchange, rename_new
from iapeer_memory.egress.noteseen import (
    ELOOP,
    KIND_BITS,
    LINK,
    READ,
    Seen,
    has_no_writer,
    read_all,
    refusal,
    seen_error,
    unchanged,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Protocol

    class Guard(Protocol):
        """Raises PermissionError unless the verb may be done to the absolute path."""

        def __call__(self, verb: str, path: str) -> None: ...


FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
ENOTDIR = 20
FULL = (27, 28, 69 if sys.platform == "darwin" else 122)
"""EFBIG, ENOSPC, EDQUOT."""
TICK = 0.0005
HALF = 0o200
"""The mode of a temp until its last byte is written: one that a dead writer has left so is worth nothing."""


class Place:
    """A name in an open folder of the vault. Close it, or use it in a `with`."""

    __slots__ = ("_step", "_uid", "fd", "name", "path")

    def __init__(self, fd: int, name: str, path: str, uid: int, step: Callable[[str], None] | None) -> None:
        self.fd = fd
        self.name = name
        self.path = path
        self._uid = uid
        self._step = step

    def __enter__(self) -> Place:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        posix.close(self.fd)

    def reach(self, step: str) -> None:
        """Where a test may strike; nothing else listens."""
        if self._step is not None:
            self._step(step)

    def see(self, name: str | None = None, *, patience: float = 0.0) -> Seen:
        """What stands at the name (or another one in the folder). Waits up to `patience` seconds for a writer."""
        name = self.name if name is None else name
        try:
            found = posix.stat(name, dir_fd=self.fd, follow_symlinks=False)
            problem = refusal(found, self._uid)
            if problem is not None:
                return Seen(*problem, found=found)
            fd = posix.open(name, READ, dir_fd=self.fd)
        except OSError as error:
            return seen_error(error)
        try:
            return self._read(fd, patience)
        except OSError as error:
            return seen_error(error)
        finally:
            posix.close(fd)

    def _read(self, fd: int, patience: float) -> Seen:
        # The clock is asked only when there is something to wait for.
        until = 0.0
        while True:
            free = has_no_writer(fd)
            before = posix.fstat(fd)
            problem = refusal(before, self._uid)
            if problem is not None:
                return Seen(*problem, found=before)
            data = read_all(fd, before.st_size)
            if free is None:
                steady = unchanged(before, posix.fstat(fd))
            else:
                steady = free and has_no_writer(fd) is not False and unchanged(before, posix.fstat(fd))
            if steady:
                return Seen("note", data=data, found=before)
            now = time.monotonic()
            until = until or now + patience
            if now >= until:
                return Seen("open", "somebody has it open for writing", data, before)
            time.sleep(TICK)
            posix.lseek(fd, 0, 0)

    def token(self) -> str:
        """Twelve hex digits that nobody else has: the name of one change."""
        return posix.urandom(6).hex()

    def is_still(self, seen: Seen) -> bool:
        """Whether the name leads to the same file, untouched as far as a look from outside tells."""
        try:
            now = posix.stat(self.name, dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            return False
        then = seen.found
        return then is not None and then.st_ino == now.st_ino and then.st_dev == now.st_dev and unchanged(then, now)

    def write_temp(self, temp: str, data: bytes, like: Seen | None, *, keep_times: bool = False) -> Seen:
        """A new file beside the note, on the disk, with the mode, group and attributes of `like`. Raises OSError."""
        found = None if like is None else like.found
        fd = posix.open(temp, NEW, 0o666 if found is None else 0o600, dir_fd=self.fd)
        try:
            mode = posix.fstat(fd).st_mode if found is None else found.st_mode
            posix.fchmod(fd, HALF)
            write_all(fd, data)
            made = posix.fstat(fd)
            if made.st_uid != self._uid:
                quietly(posix.chown, fd, self._uid, -1)
            if found is not None:
                if made.st_gid != found.st_gid:
                    quietly(posix.chown, fd, -1, found.st_gid)
                if sys.platform == "linux":
                    self._copy_attributes(fd)
                if keep_times:
                    posix.utime(fd, ns=(found.st_atime_ns, found.st_mtime_ns))
            posix.fchmod(fd, mode & 0o7777)
            posix.fsync(fd)
            made = posix.fstat(fd)
        except BaseException:
            quietly(posix.unlink, temp, dir_fd=self.fd)
            raise
        finally:
            posix.close(fd)
        self.reach("temp written")
        return Seen("note", data=data, found=made)

    def _copy_attributes(self, fd: int) -> None:
        """What others have tied to the note (extended attributes of the user); best effort."""
        try:
            old = posix.open(self.name, READ, dir_fd=self.fd)
        except OSError:
            return
        try:
            for name in posix.listxattr(old):
                if name.startswith("user."):
                    posix.setxattr(fd, name, posix.getxattr(old, name))
        except OSError:
            return
        finally:
            posix.close(old)

    def swap(self, temp: str) -> bool:
        """Exchange the note with the temp; afterwards the temp's name has what was displaced. Raises OSError.

        False: the filesystem can neither exchange nor link, the note is replaced and the temp's name is gone.
        """
        if exchange(self.fd, temp, self.fd, self.name):
            self.reach("exchanged")
            return True
        held = "." + temp
        try:
            posix.link(self.name, held, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            posix.stat(self.name, dir_fd=self.fd, follow_symlinks=False)
            posix.rename(temp, self.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
            return False
        posix.rename(temp, self.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        posix.rename(held, temp, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        self.reach("exchanged")
        return True

    def spool(self, temp: str, folder: str, name: str) -> bool:
        """Move what was displaced into a folder outside the vault; False where that is another filesystem."""
        try:
            posix.rename(temp, f"{folder}/{name}", src_dir_fd=self.fd)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (*CANNOT, 18):
                return False
            raise
        self.reach("spooled")
        return True

    def put_new(self, temp: str) -> bool:
        """Give a temp the note's name unless something has it; False then, and the temp is gone. Raises OSError."""
        try:
            rename_new(self.fd, temp, self.fd, self.name)
        except FileExistsError:
            self.drop(temp)
            return False
        except BaseException:
            self.drop(temp)
            raise
        self.reach("created")
        return True

    def move_to(self, other: Place) -> bool:
        """Rename to another place, never replacing; False where something stands there. Raises OSError."""
        try:
            rename_new(self.fd, self.name, other.fd, other.name)
        except FileExistsError:
            return False
        self.reach("moved")
        return True

    def drop(self, temp: str) -> None:
        """Remove a name of ours; silent when it is gone."""
        quietly(posix.unlink, temp, dir_fd=self.fd)

    def names(self) -> list[str]:
        """The names in the folder. Raises OSError."""
        return posix.listdir(self.fd)

    def is_half_written(self) -> bool:
        """Whether the name is a temp of ours without its last byte."""
        try:
            return posix.stat(self.name, dir_fd=self.fd, follow_symlinks=False).st_mode & 0o7777 == HALF
        except OSError:
            return False

    def sync(self) -> None:
        """Make the names of the folder outlive a loss of power, where the filesystem can."""
        quietly(posix.fsync, self.fd)


class VaultRoot:
    """The vault's folder, held open; a root that is itself a link is followed once, here.

    `uid`: whose files we write; without one our own, and for root those of the vault's owner. `guard`: asked before
    every change, with the absolute path. `step`: for tests. Raises OSError where the root cannot be opened.
    """

    __slots__ = ("_fd", "_guard", "_step", "_uid", "path")

    def __init__(
        self, path: str, *,
        uid: int | None = None, guard: Guard | None = None, step: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        self.path = path.rstrip("/") or "/"
        self._fd = posix.open(path, FOLDER)
        self._uid = (posix.geteuid() or posix.fstat(self._fd).st_uid) if uid is None else uid
        self._guard = guard
        self._step = step

    def close(self) -> None:
        """Let go of the folder."""
        if self._fd >= 0:
            posix.close(self._fd)
            self._fd = -1

    def is_present(self) -> bool:
        """Whether the path still leads to the folder that is held: not unmounted, not moved away."""
        try:
            here, there = posix.stat(self.path), posix.fstat(self._fd)
        except OSError:
            return False
        return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)

    def place(self, path: str, verb: str, *, make: bool = False) -> Place | Seen:
        """The place of a vault-relative path, its folders opened one by one; what stands in the way otherwise.

        `verb`: read, or what is about to be done (asked of the guard; raises PermissionError). `make`: missing folders
        are made.
        """
        parts = path.split("/")
        if "\0" in path or any(part in ("", ".", "..") for part in parts):
            return Seen("special", "is not a plain path")
        if self._guard is not None and verb != "read":
            self._guard(verb, f"{self.path}/{path}")
        fd = posix.dup(self._fd)
        try:
            for part in parts[:-1]:
                below = open_folder(fd, part, make=make)
                posix.close(fd)
                fd = below
        except OSError as error:
            seen = seen_error(error)
            if error.errno in (ENOTDIR, ELOOP):
                seen = in_the_way(fd, part)
            posix.close(fd)
            return seen
        return Place(fd, parts[-1], path, self._uid, self._step)


def open_folder(fd: int, name: str, *, make: bool) -> int:
    """A folder in an open one, no link. Raises OSError."""
    try:
        return posix.open(name, FOLDER | posix.O_NOFOLLOW, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    quietly(posix.mkdir, name, 0o777, dir_fd=fd)
    return posix.open(name, FOLDER | posix.O_NOFOLLOW, dir_fd=fd)


def temp_name(token: str) -> str:
    """The name of a temp: hidden, so that watch, index and walk pass it by.

    Source: the reference core's temp beside a note.
    """
    return f".fm-{token}.tmp"


def temp_token(name: str) -> str | None:
    """The token in the name of a temp; None for any other name."""
    token = name[4:-4]
    ours = name.startswith(".fm-") and name.endswith(".tmp") and len(token) == 12
    return token if ours and all(letter in "0123456789abcdef" for letter in token) else None


def in_the_way(fd: int, name: str) -> Seen:
    """Why a part of a path is no folder that we go through."""
    try:
        kind = posix.stat(name, dir_fd=fd, follow_symlinks=False).st_mode & KIND_BITS
    except OSError as error:
        return seen_error(error)
    if kind == LINK:
        return Seen("link", f"its folder {name} is a link")
    return Seen("gone", f"{name} is not a folder")


def write_all(fd: int, data: bytes) -> None:
    """Every byte, or OSError."""
    view = memoryview(data)
    while view:
        view = view[posix.write(fd, view) :]


def quietly(act: Callable[..., object], *words: object, **named: object) -> None:
    """Best effort."""
    try:
        act(*words, **named)
    except OSError:
        return
