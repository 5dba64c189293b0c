"""Looks at the process table: procfs where there is one, the lines of `ps` elsewhere. Read-only; parsers are pure.

Source: proc(5) for `/proc/PID/stat` and `cmdline`; the POSIX and BSD manuals of ps(1) for the columns.
"""

from __future__ import annotations

import os
import time

from iapeer_memory.domain.door import ProcessInfo

PS_COLUMNS = "pid=,uid=,stat=,lstart=,command="
DEAD = ("Z", "X", "x")
LSTART_WORDS = 5
SETTLE_TRIES = 5
SETTLE_SECONDS = 0.002


def available() -> bool:
    """Whether this host has a Linux procfs."""
    return os.path.exists("/proc/self/stat")


def boot_id() -> str:
    """The kernel's name for this boot; empty where it has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def parse_stat(text: str) -> tuple[str, str] | None:
    """(state, start time in ticks since boot) of `/proc/PID/stat`; the command in it may hold spaces and brackets."""
    head, bracket, tail = text.rpartition(")")
    fields = tail.split()
    if not bracket or not head or len(fields) < 20:
        return None
    return fields[0], fields[19]


def look(pid: int) -> ProcessInfo | None:
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
    return ProcessInfo(pid, uid, argv, f"{boot_id()}:{stat[1]}")


def look_settled(pid: int) -> ProcessInfo | None:
    """As `look`, but past the instant in which a process that becomes another program shows no arguments."""
    found = look(pid)
    for _ in range(SETTLE_TRIES):
        if found is None or found.argv:
            break
        time.sleep(SETTLE_SECONDS)
        found = look(pid)
    return found


def look_at_all(uid: int) -> tuple[ProcessInfo, ...]:
    """Every live process of that user."""
    found: list[ProcessInfo] = []
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid != uid:
                continue
        except OSError:
            continue
        info = look(int(name))
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


def parse_ps(text: str) -> tuple[ProcessInfo, ...]:
    """The processes in the output of `ps -ww -o pid=,uid=,stat=,lstart=,command=` under LC_ALL=C.

    `argv` is split at blanks, since ps does not say where words end. Lines that do not fit are left out, as are
    zombies. Not yet run on macOS.
    """
    found: list[ProcessInfo] = []
    for line in text.splitlines():
        words = line.split(None, 3 + LSTART_WORDS)
        if len(words) < 3 + LSTART_WORDS or not (words[0].isdecimal() and words[1].lstrip("-").isdecimal()):
            continue
        if words[2].startswith(DEAD):
            continue
        started = " ".join(words[3 : 3 + LSTART_WORDS])
        command = words[3 + LSTART_WORDS].split() if len(words) > 3 + LSTART_WORDS else []
        found.append(ProcessInfo(int(words[0]), int(words[1]) & 0xFFFFFFFF, tuple(command), f"ps:{started}"))
    return tuple(found)
