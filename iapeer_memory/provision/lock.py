"""The two locks of a change: one operation at a time, and one sweep of the peers at a time.

The sweep's lock is apart, because the core calls `provision-peer` in the middle of an `init`. A live owner of the
reference provider's lock folder is respected too; the folder itself is never touched.
Source of the folder's form: the reference package (a directory with an `owner` file, `<pid>:<hex>`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from iapeer_memory.domain.door import Door, HeldLock
from iapeer_memory.domain.errors import LockBusy, Unreadable
from iapeer_memory.domain.paths import Paths

WAIT_SECONDS = 15.0
REFERENCE_STALE_SECONDS = 120.0


@contextmanager
def operation_lock(door: Door, paths: Paths, *, inherited: int | None = None) -> Iterator[HeldLock]:
    """One init, update, repair or uninstall at a time. `inherited`: the descriptor that came through exec."""
    if inherited is not None:
        with door.locks.adopt(inherited, paths.operation_lock) as held:
            yield held
        return
    with door.locks.hold(paths.operation_lock, wait=WAIT_SECONDS, what="changing this host") as held:
        yield held


@contextmanager
def provision_lock(door: Door, paths: Paths) -> Iterator[HeldLock]:
    """One sweep of peers at a time, ours or the reference provider's. Raises LockBusy after 15 s."""
    deadline = door.clock.monotonic() + WAIT_SECONDS
    while (owner := reference_owner(door, paths)) is not None:
        if door.clock.monotonic() >= deadline:
            raise LockBusy(
                f"another provider's process (pid {owner}) holds {paths.reference_lock}; waited {WAIT_SECONDS:.0f} s",
                remedy=f"wait for process {owner} to end, then run the same command again",
            )
        door.clock.sleep(0.05)
    remaining = max(0.0, deadline - door.clock.monotonic())
    with door.locks.hold(paths.provision_lock, wait=remaining, what="provisioning peers") as held:
        yield held


def reference_owner(door: Door, paths: Paths) -> int | None:
    """The pid of a live owner of the reference's lock folder, or None (absent, dead, or old and unowned)."""
    stat = door.files.lstat(paths.reference_lock)
    if stat is None:
        return None
    try:
        text = (door.files.read_optional(f"{paths.reference_lock}/owner", limit=200) or b"").decode("ascii", "replace")
    except Unreadable:
        text = ""
    head = text.split(":", 1)[0].strip()
    if head.isdecimal():
        pid = int(head)
        return pid if pid > 1 and door.processes.info(pid) is not None else None
    young = door.clock.now() - stat.mtime_ns / 1e9 < REFERENCE_STALE_SECONDS
    return 0 if young else None
