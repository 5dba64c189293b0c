"""Who supervises memoryd: one table of precedence, and the making of the one that was chosen.

notifier    where the core has one
unit        a systemd user unit or a launchd agent, where one is usable
broker      everywhere else
"""

from __future__ import annotations

from collections.abc import Mapping

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import Supervisor, SupervisorName
from iapeer_memory.ecosystem.profile import TriggerReader
from iapeer_memory.egress.host import platform as own_platform
from iapeer_memory.egress.host import uid
from iapeer_memory.supervise import launchd, systemd
from iapeer_memory.supervise.brokered import BrokerSupervisor
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.supervise.notifier import NotifierSupervisor, SendWatcher
from iapeer_memory.supervise.own_broker import OwnBroker


def choose(
    door: Door, paths: Paths, *, env: Mapping[str, str], notifier: bool, platform: str | None = None
) -> SupervisorName:
    """The first row of the table that this host has. `notifier`: the core has one. Reads only."""
    if notifier:
        return "notifier"
    return "unit" if unit_objection(door, paths, env, platform or own_platform()) is None else "broker"


def unit_objection(door: Door, paths: Paths, env: Mapping[str, str], platform: str) -> str | None:
    """Why a unit cannot be had on this host, or None."""
    if platform == "darwin":
        return launchd.unusable(door, uid())
    if platform.startswith("linux"):
        return systemd.unusable(door, paths, env)
    return f"no units on {platform}"


def make(
    name: SupervisorName,
    door: Door,
    paths: Paths,
    port: int,
    *,
    env: Mapping[str, str],
    send_watcher: SendWatcher | None,
    read_triggers: TriggerReader,
    platform: str | None = None,
) -> Supervisor:
    """The supervisor of that name. `send_watcher` None: registrations are sent by somebody else."""
    daemon = Daemon(door, paths, port)
    if name == "notifier":
        return NotifierSupervisor(door, paths, daemon, read_triggers=read_triggers, send=send_watcher)
    if name == "broker":
        return BrokerSupervisor(door, paths, daemon, env)
    return unit(door, paths, port, env=env, platform=platform)


def unit(
    door: Door, paths: Paths, port: int, *, env: Mapping[str, str], platform: str | None = None
) -> systemd.SystemdSupervisor | launchd.LaunchdSupervisor:
    """The unit of this platform."""
    daemon = Daemon(door, paths, port)
    if (platform or own_platform()) == "darwin":
        return launchd.LaunchdSupervisor(door, paths, daemon)
    return systemd.SystemdSupervisor(door, paths, daemon, env)


def retire_others(
    name: SupervisorName, door: Door, paths: Paths, port: int, *, env: Mapping[str, str], platform: str | None = None
) -> None:
    """End what an earlier choice than `name` has left: a broker or a unit, which would start memoryd a second time."""
    if name != "broker":
        OwnBroker(door, paths, env).stop()
    if name != "unit":
        unit(door, paths, port, env=env, platform=platform).withdraw()
