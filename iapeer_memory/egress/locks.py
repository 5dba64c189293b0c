"""The lock channel: whole-file locks of the kernel, released when their holder dies, however it dies.

`fcntl.flock` on a descriptor of our own, for three reasons: the descriptor must survive `exec` and be adopted by the
program that we become; the file names its holder, written only once the lock is owned; and this is taken by short
commands, where the import of a locking library would cost more than the rest of their start. The file is never
unlinked: a waiter on the old inode and a taker of the new one would both believe they hold it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote

from iapeer_memory.domain.door import HeldLock
from iapeer_memory.domain.errors import LockBusy, UnsafePath
from iapeer_memory.egress.folders import make_folders

POLL = 0.05
SHORTEST_WAIT = 0.02
"""Even `wait=0` tries this long: somebody who only looks at the lock holds it for an instant."""
TEXT_LIMIT = 200


class FlockHeld:
    """A held lock. `release` may be called twice."""

    __slots__ = ("_clear", "_fd")

    def __init__(self, fd: int, *, clear: bool) -> None:
        self._fd = fd
        self._clear = clear

    @property
    def fd(self) -> int:
        """The descriptor that carries the lock; -1 once released."""
        return self._fd

    def release(self) -> None:
        """Let go. A process that was handed the descriptor keeps the lock until it ends."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if self._clear:
            os.ftruncate(fd, 0)
        os.close(fd)


class RealLocks:
    """Implements `domain.door.Locks`. `say`: told once, in words, when a lock is waited for."""

    __slots__ = ("_say",)

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say

    @contextmanager
    def hold(self, path: str, *, wait: float, what: str) -> Iterator[HeldLock]:
        """Take the lock; raises LockBusy, UnsafePath, OSError."""
        fd = self._acquire(path, wait, what)
        held = FlockHeld(fd, clear=True)
        try:
            try:
                sign(fd, what)
            except OSError as error:
                error.filename = path
                raise
            yield held
        finally:
            held.release()

    @contextmanager
    def adopt(self, fd: int, path: str) -> Iterator[HeldLock]:
        """Take over a lock that came as an open descriptor; raises LockBusy when it is not that lock."""
        try:
            ours = os.fstat(fd)
            named = os.stat(path)
            handed_over = (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino) and try_lock(fd)
        except OSError:
            handed_over = False
        if not handed_over:
            raise LockBusy(f"the lock {path} was not handed over", remedy="run the same command again")
        os.set_inheritable(fd, False)
        held = FlockHeld(fd, clear=False)
        try:
            yield held
        finally:
            held.release()

    def holder(self, path: str) -> str | None:
        """Who holds it now, or None; reads only."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return signature(fd) or "a process that has not said who it is"
        except OSError:
            return None
        finally:
            os.close(fd)
        return None

    def _acquire(self, path: str, wait: float, what: str) -> int:
        started = time.monotonic()
        deadline = started + max(wait, SHORTEST_WAIT)
        told = False
        while True:
            fd = open_lock(path)
            try:
                if try_lock(fd):
                    if is_still(fd, path):
                        return fd
                    os.close(fd)
                    continue
                who = signature(fd)
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
            now = time.monotonic()
            if now >= deadline:
                raise busy(path, what, who, now - started)
            if self._say is not None and not told and now - started >= POLL:
                self._say(f"waiting up to {wait:g} s for {path}, held by {who or 'another process'}")
                told = True
            time.sleep(min(POLL, max(deadline - now, 0.001)))


def open_lock(path: str) -> int:
    """The lock file, made if needed with its folder; a link or a special file is refused."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags, 0o600)
    except FileNotFoundError:
        make_folders(os.path.dirname(path), 0o700)
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _not_plain(path) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _not_plain(path)
    return fd


def try_lock(fd: int) -> bool:
    """One attempt; False when somebody else has it. Raises OSError where the filesystem has no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK):
            return False
        raise
    return True


def is_still(fd: int, path: str) -> bool:
    """Whether the path still names the file that we locked."""
    ours = os.fstat(fd)
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)


def sign(fd: int, what: str) -> None:
    """Write who holds it: pid, then what for. A reader sees the old text or the new one, at worst cut short."""
    text = f"{os.getpid()}\n{' '.join(what.split())}\n".encode()[:TEXT_LIMIT]
    os.ftruncate(fd, 0)
    os.pwrite(fd, text, 0)


def signature(fd: int) -> str:
    """`pid 123 (what)` as written in the file; empty when it says nothing."""
    pid, _, what = os.pread(fd, TEXT_LIMIT, 0).decode("utf-8", "replace").partition("\n")
    if not pid.strip().isdecimal():
        return ""
    what = " ".join(what.split())
    return f"pid {pid.strip()} ({what})" if what else f"pid {pid.strip()}"


def _not_plain(path: str) -> UnsafePath:
    return UnsafePath(path, "a lock must be a plain file", remedy=f"mv {quote(path)} {quote(path + '.aside')}")


def busy(path: str, what: str, who: str, waited: float) -> LockBusy:
    """The refusal: what is locked, where, by whom, for how long we waited, and what to do."""
    holder = who or "a process that has not said who it is"
    words = who.split()
    look = f"ps -o pid,args -p {words[1]}" if words else f"fuser {quote(path)}"
    return LockBusy(
        f"cannot start {what}: {path} is held by {holder}; waited {waited:.1f} s",
        remedy=f"see who it is with: {look}; let it end, then run the same command again",
    )
