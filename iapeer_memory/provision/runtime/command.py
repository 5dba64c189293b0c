"""The stable command: a small shell program at one place for ever, which runs the current runtime.

What lies there and is not ours goes to the backup store before it is replaced; without a store, and for anything
but a plain file of our user, it is left alone and said so.
"""

from __future__ import annotations

import shlex
from typing import Literal

from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.backup import BackupStore
from iapeer_memory.provision.runtime.layout import version_of
from iapeer_memory.provision.runtime.shelf import link_name
from iapeer_memory.surfaces.shims import render_command

MARK = b"# iapeer-memory:"
"""How the second line of everything that we generate for a shell begins."""
HEAD = 4096
LIMIT = 256 << 20
Placed = Literal["written", "already", "replaced"]


def place_command(door: Door, paths: Paths, backups: BackupStore | None = None) -> Placed:
    """Put the command in place, mode 0755. `replaced`: something else was there, and is in the backup store now.

    Raises InstallFailed where there is no runtime to run, or something that we may not displace.
    """
    wanted = wanted_command(door.files, paths)
    path = paths.stable_binary
    kind = look_at(door.files, path)
    if kind == "other":
        raise foreign(path)
    if kind == "file":
        if backups is None:
            raise foreign(path)
        keep(door.files, path, backups)
    if kind == "ours" and door.files.read(path, limit=LIMIT) == wanted:
        if runs(door.files, path):
            return "already"
        door.files.chmod(path, 0o755)
        return "written"
    door.files.write(path, wanted, mode=0o755)
    return "replaced" if kind == "file" else "written"


def remove_command(door: Door, paths: Paths) -> Literal["removed", "absent", "foreign"]:
    """Take the command out, where it is ours."""
    kind = look_at(door.files, paths.stable_binary)
    if kind == "absent":
        return "absent"
    if kind != "ours":
        return "foreign"
    return "removed" if door.files.remove(paths.stable_binary) else "absent"


def command_problem(files: Files, paths: Paths) -> str | None:
    """What is wrong with the command, or None; no effect. The runtime behind it is the shelf's to judge."""
    path = paths.stable_binary
    kind = look_at(files, path)
    if kind == "absent":
        return f"{path} is missing"
    if kind != "ours":
        return f"{path} is not a command that we wrote"
    if files.read(path, limit=LIMIT) != wanted_command(files, paths):
        return f"{path} is not as the installed version writes it"
    return None if runs(files, path) else f"{path} is not executable"


def wanted_command(files: Files, paths: Paths) -> bytes:
    """The command for the current runtime. Raises InstallFailed when there is none."""
    name = link_name(files, paths.current_runtime)
    version = version_of(name) if name is not None else None
    if version is None:
        raise InstallFailed("no runtime is installed", remedy="./install.sh in a checkout")
    return render_command(version=version, paths=paths)


def keep(files: Files, path: str, backups: BackupStore) -> None:
    """Put what lies there into the backup store."""
    seen = files.stat(path)
    backups.keep(path, files.read(path, limit=LIMIT), seen.mode if seen else 0o755)


def look_at(files: Files, path: str) -> Literal["absent", "ours", "file", "other"]:
    """What lies there; `file`: a plain file that we did not write, `other`: a link, a folder, a device."""
    seen = files.lstat(path)
    if seen is None:
        return "absent"
    if seen.kind != "file" or seen.links > 1:
        return "other"
    if seen.size > HEAD * 4:
        return "file"
    head = files.read(path, limit=HEAD * 4).split(b"\n", 2)
    ours = len(head) > 1 and head[0].startswith(b"#!/bin/sh") and head[1].startswith(MARK)
    return "ours" if ours else "file"


def runs(files: Files, path: str) -> bool:
    """Whether everybody who may read it may run it."""
    seen = files.stat(path)
    return seen is not None and seen.mode & 0o111 == 0o111


def foreign(path: str) -> InstallFailed:
    """A clear refusal."""
    quoted = shlex.quote(path)
    return InstallFailed(
        f"{path} is not a command that we wrote, so it is left alone", remedy=f"mv {quoted} {quoted}.old"
    )
