"""What stands at the name of a note: a plain file of ours, or why it is none; and whether somebody is writing it.

Imports nothing heavy: the post-write hook comes this way. Never changes anything.
"""

from __future__ import annotations

import fcntl
import posix
import sys

READ = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOCTTY
ENOENT, ELOOP = 2, 62 if sys.platform == "darwin" else 40
KIND_BITS, PLAIN, LINK, DIRECTORY = 0o170000, 0o100000, 0o120000, 0o040000
SIGURG = 16 if sys.platform == "darwin" else 23
REMOTE = (b"nfs", b"cifs", b"smb", b"9p", b"ceph", b"fuse", b"virtiofs", b"afs", b"lustre", b"gfs", b"ocfs")
ANYBODY = -1
LARGEST = 64 << 20
"""Bytes; a note that is larger is none."""


class Seen:
    """What stands at a name.

    `status`: note (a plain file of ours that can be read), gone, link, hardlink, foreign, special, unreadable, or open
    (somebody has it open for writing). `reason`: the same in words. `data`: its bytes, for a note and, as far as they
    are written, for an open one.
    """

    __slots__ = ("data", "found", "reason", "status")

    def __init__(
        self, status: str, reason: str = "", data: bytes = b"", found: posix.stat_result | None = None
    ) -> None:  # fmt: skip
        self.status = status
        self.reason = reason
        self.data = data
        self.found = found

    def is_same(self, other: Seen) -> bool:
        """Whether it is the same file with the same bytes."""
        here, there = self.found, other.found
        if here is None or there is None or self.data != other.data:
            return False
        return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


def refusal(found: posix.stat_result, uid: int) -> tuple[str, str] | None:
    """(status, reason) for what is not a plain file of ours with one name. `uid`: ours, or ANYBODY."""
    kind = found.st_mode & KIND_BITS
    if kind == LINK:
        return "link", "is a link"
    if kind != PLAIN:
        return "special", "is a folder" if kind == DIRECTORY else "is not a file"
    if uid not in (found.st_uid, ANYBODY):
        return "foreign", f"belongs to another user (uid {found.st_uid})"
    if found.st_nlink > 1:
        return "hardlink", f"has {found.st_nlink} names (hard links); changing one would part them"
    if found.st_size > LARGEST:
        return "special", f"is larger than {LARGEST >> 20} MiB"
    return None


def seen_error(error: OSError) -> Seen:
    """An error of the system as what stands there."""
    if error.errno == ENOENT:
        return Seen("gone", "is gone")
    if error.errno == ELOOP:
        return Seen("link", "is a link")
    return Seen("unreadable", f"cannot be read ({(error.strerror or str(error)).lower()})")


def has_no_writer(fd: int) -> bool | None:
    """Whether no process has the file open for writing; None where the system cannot tell.

    Source: fcntl(2): a read lease can be had only while nobody has the file open for writing.
    """
    if sys.platform != "linux":
        return None
    try:
        # The signal of a lease that is broken in this instant would end the process; this one is ignored.
        fcntl.fcntl(fd, fcntl.F_SETSIG, SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return None if is_remote(posix.fstat(fd).st_dev) else False
    except OSError:
        return None
    return True


def is_remote(device: int, table: str = "/proc/self/mountinfo") -> bool:
    """Whether a filesystem refuses leases for reasons of its own: its files lie with another host or process.

    Source: proc_pid_mountinfo(5).
    """
    try:
        fd = posix.open(table, READ)
    except OSError:
        return False
    try:
        lines = read_all(fd, 0).split(b"\n")
    except OSError:
        return False
    finally:
        posix.close(fd)
    wanted = b"%d:%d" % (posix.major(device), posix.minor(device))
    for line in lines:
        words = line.split(b" ")
        if len(words) > 2 and words[2] == wanted:
            return line.partition(b" - ")[2].startswith(REMOTE)
    return False


def unchanged(before: posix.stat_result, after: posix.stat_result) -> bool:
    """Whether two looks at one open file saw the same bytes, as far as the system tells."""
    return before.st_size == after.st_size and before.st_mtime_ns == after.st_mtime_ns


def read_all(fd: int, size: int) -> bytes:
    """To the end. Raises OSError."""
    data = posix.read(fd, size + 1)
    if size and len(data) == size:
        return data
    parts = [data]
    while parts[-1]:
        parts.append(posix.read(fd, 1 << 20))
    return b"".join(parts)
