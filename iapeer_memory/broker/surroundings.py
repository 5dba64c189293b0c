"""A user's broker on this host: the places and identities that doctor and cleanup need. Never writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.broker.file_places import Folder, definitions_folder, registry_folder
from iapeer_memory.broker.host_identity import HostIdentity, boot_id, host_identity, sid_machine
from iapeer_memory.broker.names import Place
from iapeer_memory.broker.sid import sid_hash
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import Unreadable

CLOSED_MACHINE = "unreadable"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`env`: of this process. `place`: where sockets lie. `definitions` and `registry`: the two folders of files."""

    door: Door
    env: Mapping[str, str]
    place: Place
    here: HostIdentity
    definitions: Folder
    registry: Folder

    @property
    def uid(self) -> int:
        """The user."""
        return self.place.uid

    def user(self) -> str:
        """The hash that stands for the user in names. Raises NoMachine, Unreadable."""
        return sid_hash(self.uid, sid_machine(self.door, platform=self.place.platform))


def surroundings(
    door: Door, env: Mapping[str, str], *, home: str, uid: int, hostname: str, platform: str
) -> Surroundings:
    """Look around. `home`: absolute; `platform`: as `sys.platform`. Raises nothing.

    A machine whose id cannot be read is taken for one that nobody knows: no file counts as its own.
    """
    definitions = definitions_folder(env, home=home, platform=platform)
    registry = registry_folder(env, home=home, platform=platform)
    place = Place(
        platform=platform,
        uid=uid,
        home=home,
        runtime=runtime_folder(door.files, env, uid=uid, platform=platform),
        temp=env.get("TMPDIR", ""),
        local_data=env.get("LOCALAPPDATA", ""),
    )
    try:
        here = host_identity(door, hostname=hostname, platform=platform, path=home)
    except Unreadable:
        here = HostIdentity(hostname, CLOSED_MACHINE, boot_id(door, platform=platform))
    return Surroundings(door, env, place, here, definitions, registry)


def runtime_folder(files: Files, env: Mapping[str, str], *, uid: int, platform: str) -> str:
    """XDG_RUNTIME_DIR; for a program that was started without it the folder that a login makes, where it is the
    user's own; "" otherwise.

    Harnesses start programs with little of the user's environment, and all of them must find the same sockets.
    """
    named = env.get("XDG_RUNTIME_DIR", "")
    if named or platform != "linux":
        return named
    folder = f"/run/user/{uid}"
    found = files.stat(folder)
    return folder if found is not None and found.kind == "dir" and found.uid == uid else ""
