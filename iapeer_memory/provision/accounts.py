"""Who else logs in on this machine, as far as its own files tell. Asks no directory service: one that is away hangs.

Linux: accounts of `/etc/passwd` from UID_MIN on that have a shell, and whoever is logged in now (`/run/user/UID`, which
a network directory's accounts have too). macOS: the owners of the homes in `/Users`, from uid 501 on.
"""

from __future__ import annotations

import re

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused, printable

FIRST_LINUX, FIRST_MACOS = 1000, 501
NOBODY = 65534
LIMIT = 16 << 20
NO_SHELLS = ("nologin", "false", "true", "sync", "halt", "shutdown")
UID_MIN = re.compile(rb"^[ \t]*UID_MIN[ \t]+(\d{1,9})[ \t]*$", re.MULTILINE)


def others(files: Files, *, uid: int, platform: str, root: str = "") -> tuple[str, ...]:
    """Names (`uid N` where there is none) of accounts other than `uid` that can log in; () where nothing tells.

    `platform`: as `sys.platform`. `root`: of the file system.
    """
    try:
        if platform == "darwin":
            return homes(files, f"{root}/Users", uid)
        if platform.startswith("linux"):
            return accounts(files, root, uid)
    except (FileRefused, OSError):
        pass
    return ()


def accounts(files: Files, root: str, uid: int) -> tuple[str, ...]:
    """Linux. Raises FileRefused for a file that cannot be read."""
    said = UID_MIN.search(files.read_optional(f"{root}/etc/login.defs", limit=LIMIT) or b"")
    first = int(said[1]) if said else FIRST_LINUX
    lines = (files.read_optional(f"{root}/etc/passwd", limit=LIMIT) or b"").decode("utf-8", "replace").splitlines()
    listed = {int(row[2]): row for line in lines if len(row := line.split(":")) == 7 and row[2].isdecimal()}
    present = {number for number, row in listed.items() if row[6].rpartition("/")[2] not in NO_SHELLS}
    present |= {int(name) for name in files.list(f"{root}/run/user") if name.isdecimal()}
    there = sorted(number for number in present if number >= first and number not in (uid, NOBODY))
    return tuple(printable(listed[number][0]) if number in listed else f"uid {number}" for number in there)


def homes(files: Files, folder: str, uid: int) -> tuple[str, ...]:
    """macOS. Raises FileRefused for a folder that cannot be read."""
    stats = ((name, files.lstat(f"{folder}/{name}")) for name in files.list(folder))
    found = (
        name for name, stat in stats if stat and stat.kind == "dir" and stat.uid >= FIRST_MACOS and stat.uid != uid
    )
    return tuple(map(printable, found))
