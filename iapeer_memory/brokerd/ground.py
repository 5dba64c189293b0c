"""Where and as whom a broker runs: looked up once, before anything is bound. Never changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from iapeer_memory.broker import file_places, host_identity, names, privilege, sid
from iapeer_memory.broker.names import Place
from iapeer_memory.broker.spawn.environment import Account
from iapeer_memory.broker.surroundings import runtime_folder
from iapeer_memory.domain.door import Door


@dataclass(frozen=True, slots=True)
class Ground:
    """Where and as whom the broker runs. `env`: its own environment. `user`: the sid hash."""

    env: Mapping[str, str]
    place: Place
    user: str
    boot: str
    account: Account
    definitions: str

    @property
    def state(self) -> str:
        """The folder of its small files."""
        return names.state_folder(self.place)


def survey(door: Door, account: Account, *, uid: int, platform: str) -> Ground:
    """Look around. `platform`: as `sys.platform`.

    Raises ProductError: root without leave, a machine that cannot be told from others.
    """
    env = door.processes.environment()
    refused = privilege.objection(uid, env)
    if refused is not None:
        raise refused
    runtime = runtime_folder(door.files, env, uid=uid, platform=platform)
    place = replace(
        names.place_of(env, platform=platform, uid=uid, home=env.get("HOME") or account.home), runtime=runtime
    )
    machine = host_identity.sid_machine(door, platform=platform)
    return Ground(
        env=env,
        place=place,
        user=sid.sid_hash(uid, machine),
        boot=host_identity.boot_id(door, platform=platform),
        account=account,
        definitions=file_places.definitions_folder(env, home=place.home, platform=platform).path,
    )
