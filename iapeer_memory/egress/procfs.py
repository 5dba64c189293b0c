"""Looks at the process table of Linux: procfs. Read-only.

Source: proc(5) for `/proc/PID/stat` and `cmdline`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from iapeer_memory.domain.door import ProcessInfo

DEAD = ("Z", "X", "x")
SETTLE_TRIES = 5
SETTLE_SECONDS = 0.002


def available() -> bool:
    """Whether this host has a Linux procfs."""
    return os.path.exists("/proc/self/stat")


@dataclass(frozen=True, slots=True)
class Boot:
    """This boot: the kernel's name for it (empty where it has none), and when it was, in seconds since the epoch."""

    name: str
    at: float

    def after(self, ticks: str) -> float:
        """The moment so many ticks after it."""
        return self.at + int(ticks) / os.sysconf("SC_CLK_TCK")


def this_boot() -> Boot:
    """Asked of the kernel. Time asleep counts, as it does in what `stat` says."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            name = file.read().strip()
    except OSError:
        name = ""
    return Boot(name, time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))


def parse_stat(text: str) -> tuple[str, str] | None:
    """(state, start time in ticks since boot) of `/proc/PID/stat`; the command in it may hold spaces and brackets."""
    head, bracket, tail = text.rpartition(")")
    fields = tail.split()
    if not bracket or not head or len(fields) < 20:
        return None
    return fields[0], fields[19]


def look(pid: int, boot: Boot) -> ProcessInfo | None:
    """One live process from procfs; None when gone or a zombie."""
    place = f"/proc/{pid}"
    try:
        with open(f"{place}/stat", "rb") as file:
            stat = parse_stat(file.read().decode("utf-8", "surrogateescape"))
        uid = os.stat(place).st_uid
        with open(f"{place}/cmdline", "rb") as file:
            words = file.read()
    except OSError:
        return None
    if stat is None or stat[0] in DEAD:
        return None
    argv = tuple(os.fsdecode(word) for word in words.removesuffix(b"\0").split(b"\0")) if words else ()
    return ProcessInfo(pid, uid, argv, f"{boot.name}:{stat[1]}", boot.after(stat[1]))


def look_settled(pid: int) -> ProcessInfo | None:
    """As `look`, but past the instant in which a process that becomes another program shows no arguments."""
    boot = this_boot()
    found = look(pid, boot)
    for _ in range(SETTLE_TRIES):
        if found is None or found.argv:
            break
        time.sleep(SETTLE_SECONDS)
        found = look(pid, boot)
    return found


def look_at_all(uid: int) -> tuple[ProcessInfo, ...]:
    """Every live process of that user."""
    boot = this_boot()
    found: list[ProcessInfo] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid != uid:
                continue
        except OSError:
            continue
        info = look(int(name), boot)
        if info is not None and info.uid == uid:
            found.append(info)
    return tuple(sorted(found, key=lambda info: info.pid))


def socket_holder(inode: int) -> int | None:
    """The lowest pid that has that socket open; None where none of the processes that we may look into has it."""
    wanted = f"socket:[{inode}]"
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):
        try:
            handles = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        if any(_target(f"/proc/{pid}/fd/{handle}") == wanted for handle in handles):
            return pid
    return None


def _target(handle: str) -> str | None:
    """What a descriptor of a process is; None when it was closed meanwhile."""
    try:
        return os.readlink(handle)
    except OSError:
        return None
