"""What kind of filesystem a path lies on, as far as it matters: whether other hosts share it. Read-only.

Locks and shared memory, which a database of several processes needs, cannot be had from another host's disk.
Source: the kernel's `mountinfo` on Linux, `statfs` and its MNT_LOCAL flag on macOS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

MOUNTS = "/proc/self/mountinfo"
NAMES = """
nfs nfs4 cifs smb3 smbfs afs ceph coda ncpfs glusterfs lustre beegfs gpfs ocfs2 gfs2 orangefs pvfs2 davfs vboxsf prl_fs
fuse.sshfs fuse.rclone fuse.s3fs fuse.gcsfuse fuse.glusterfs fuse.davfs2 fuse.curlftpfs fuse.cephfs fuse.juicefs
fuse.smbnetfs fuse.goofys fuse.vmhgfs-fuse
"""
SHARED = frozenset(NAMES.split())
STATFS_BYTES = 4096
FLAGS_AT, NAME_AT, NAME_BYTES = 64, 72, 16
MNT_LOCAL = 0x1000


def shared_filesystem(path: str) -> str | None:
    """The name of the network filesystem that the path lies on, or would; None for a local or an unknown one."""
    place = os.path.realpath(path)
    if sys.platform == "darwin":
        return _statfs(place)
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
            kind = kind_of(place, mounts)
    except OSError:
        return None
    return kind if kind in SHARED else None


def kind_of(path: str, mounts: Iterable[str]) -> str | None:
    """The filesystem's name for a real path, from lines of `mountinfo`: the longest mount point wins, then the last."""
    best: tuple[int, str] | None = None
    for line in mounts:
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = _unescaped(fields[4]).rstrip("/")
        if (path == point or path.startswith(point + "/")) and (best is None or len(point) >= best[0]):
            best = (len(point), after.split(" ", 1)[0])
    return best[1] if best else None


def _unescaped(text: str) -> str:
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, sign)
    return text


def _statfs(path: str) -> str | None:
    import ctypes

    while not os.path.lexists(path):
        path = os.path.dirname(path)
    found = ctypes.create_string_buffer(STATFS_BYTES)
    if ctypes.CDLL(None).statfs(os.fsencode(path), found) != 0:
        return None
    flags = int.from_bytes(found.raw[FLAGS_AT : FLAGS_AT + 4], sys.byteorder)
    name = found.raw[NAME_AT : NAME_AT + NAME_BYTES].split(b"\0", 1)[0]
    return None if flags & MNT_LOCAL else name.decode("ascii", "replace") or "unknown"
