"""A peer's profile, `<peer>/.iapeer/peer-profile.json`: reading its triggers, and the one member that we set.

The profile is the core's, the triggers in it are the notifier's. We set `wake_policy` and nothing else, change no
other byte, and make no profile where there is none.

The core guards its own edits with a folder beside the file (there: held). It waits 2 s for it, breaks one older than
10 s, and goes on without it after that. So do we, and only when there is something to write; a writer that comes
between is seen by `edit_foreign`, which edits what that one left.

Source: the core's storage chapter and the reference package's list of core-owned files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os.path import dirname, join
from typing import Literal

from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.domain.paths import Paths
from iapeer_memory.ecosystem.notifier import OWNER, Trigger, read_triggers
from iapeer_memory.edits.json_edit import edit_json
from iapeer_memory.edits.ops import Set
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.egress.foreign import Policy, edit_foreign, read_foreign

LOCK = ".peer-profile.lock"
WAIT, STALE, STEP = 2.0, 10.0, 0.05
EPHEMERAL = "ephemeral"
SIZE_LIMIT = 4 << 20

TriggerReader = Callable[[], tuple[Trigger, ...] | None]


def profile_path(cwd: str) -> str:
    """Where a peer's profile is."""
    return join(cwd, ".iapeer", "peer-profile.json")


def make_profile_reader(files: Files, paths: Paths) -> TriggerReader:
    """A reader of the index peer's triggers: None while its profile is not there or cannot be read.

    The peer's folder is the one in the roles manifest, else the core's default place.
    """

    def read() -> tuple[Trigger, ...] | None:
        try:
            manifest = files.read_optional(paths.roles, limit=SIZE_LIMIT)
            cwd = _index_folder(manifest) or join(paths.root, "peers", OWNER)
            return read_triggers(files.read_optional(profile_path(cwd), limit=SIZE_LIMIT))
        except Unreadable:
            return None

    return read


def set_wake_policy(
    door: Door, cwd: str, *, policy: Policy, backups: BackupStore | None = None, value: str = EPHEMERAL
) -> Literal["written", "identical", "missing-profile"]:
    """Set `wake_policy`. Raises FileRefused, OSError."""
    path = profile_path(cwd)

    def edit(data: bytes | None) -> bytes | None:
        return None if data is None else edit_json(data, [Set(("wake_policy",), value)], name=path).data

    data = read_foreign(door.files, path, policy)
    if data is None:
        return "missing-profile"
    if edit(data) == data:
        return "identical"
    with core_lock(door, path):
        change = edit_foreign(door, path, edit, policy=policy, backups=backups)
    if change == "written":
        return "written"
    return "identical" if change == "already" else "missing-profile"


@contextmanager
def core_lock(door: Door, path: str) -> Iterator[bool]:
    """Hold the core's lock of a profile as the core does; gives False where it went on without it."""
    lock = join(dirname(path), LOCK)
    end = door.clock.monotonic() + WAIT
    held = False
    while not held:
        stat = door.files.lstat(lock)
        if stat is None:
            door.files.mkdir(lock, mode=0o700)
            held = True
        elif door.clock.now() - stat.mtime_ns / 1e9 > STALE:
            if not door.files.rmdir(lock):
                break  # not a lock of the core's making
        elif door.clock.monotonic() >= end:
            break
        else:
            door.clock.sleep(STEP)
    try:
        yield held
    finally:
        if held:
            door.files.rmdir(lock)


def _index_folder(manifest: bytes | None) -> str | None:
    try:
        document = json.loads((manifest or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    roles = document.get("roles") if isinstance(document, dict) else None
    for entry in roles if isinstance(roles, list) else []:
        if isinstance(entry, dict) and entry.get("role") == OWNER and isinstance(entry.get("peerCwd"), str):
            return str(entry["peerCwd"])
    return None
