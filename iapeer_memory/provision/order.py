"""The steps, in order. ONE tuple; commands pick from it.

Fleet before surfaces before plugin-off before slot: the sweep reads the map that was just written, the old plugin goes
only after the new surfaces landed, and while its declaration can still be read. The daemon is last of what is set up,
so that it starts on what was written; its index is looked at when it runs.
"""

from __future__ import annotations

from iapeer_memory.provision.step import Step
from iapeer_memory.provision.steps.binary import BinaryStep
from iapeer_memory.provision.steps.config import ConfigStep
from iapeer_memory.provision.steps.deps import DepsStep
from iapeer_memory.provision.steps.doctrines import DoctrinesStep
from iapeer_memory.provision.steps.fleet import FleetStep
from iapeer_memory.provision.steps.guide import GuideStep
from iapeer_memory.provision.steps.index import IndexStep
from iapeer_memory.provision.steps.launcher import LauncherStep
from iapeer_memory.provision.steps.memoryd import MemorydStep
from iapeer_memory.provision.steps.native import NativeMemoryStep
from iapeer_memory.provision.steps.peers import PeersStep
from iapeer_memory.provision.steps.plugin_off import PluginOffStep
from iapeer_memory.provision.steps.roles import RolesStep, WakePolicyStep
from iapeer_memory.provision.steps.slot import SlotStep
from iapeer_memory.provision.steps.surfaces import SurfacesStep
from iapeer_memory.provision.steps.templates import TemplatesStep
from iapeer_memory.provision.steps.triggers import DreamStep, TriggersStep, WatcherStep
from iapeer_memory.provision.steps.vault import VaultStep

ORDER: tuple[Step, ...] = (
    DepsStep(),
    VaultStep(),
    ConfigStep(),
    BinaryStep(),
    TemplatesStep(),
    PeersStep(),
    RolesStep(),
    DoctrinesStep(),
    WakePolicyStep(),
    FleetStep(),
    SurfacesStep(),
    PluginOffStep(),
    SlotStep(),
    LauncherStep(),
    WatcherStep(),
    DreamStep(),
    TriggersStep(),
    NativeMemoryStep(),
    GuideStep(),
    MemorydStep(),
    IndexStep(),
)
INIT_ONLY = ("deps", "vault", "peers", "roles", "watcher", "dream", "sweep")
NOT_IN_INIT = ("doctrines", "plugin-off", "triggers")
VERIFY_ONLY = ("index",)
VERIFY = ORDER
"""verify inspects all of them; those that have nothing to look at find nothing."""


def steps_of(command: str) -> tuple[Step, ...]:
    """The steps that a command applies in order."""
    left_out = NOT_IN_INIT if command == "init" else INIT_ONLY
    return tuple(step for step in ORDER if step.name not in (*left_out, *VERIFY_ONLY))
