"""Making the program that runs now the installed one: from a virtual environment, a checkout or a runtime.

Works offline, from an empty environment; what it makes needs neither the checkout nor the environment nor a cache
afterwards. Never downloads; never goes back to an older version. A second run writes nothing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from posixpath import split
from typing import Literal

from iapeer_memory.domain.door import Door, HeldLock
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime.distributions import Distribution, find_distributions
from iapeer_memory.provision.runtime.layout import OWN_PROGRAM, RUNTIME_FILES, RuntimeInfo, is_older, version_of
from iapeer_memory.provision.runtime.package import Package, package_from
from iapeer_memory.provision.runtime.plan import Plan, contents, plan_runtime
from iapeer_memory.provision.runtime.program import Program, marker_environment, running_program
from iapeer_memory.provision.runtime.requirements import read_lock
from iapeer_memory.provision.runtime.shelf import Shelf

Action = Literal["installed", "switched", "healed", "identical"]
LOCK_WAIT = 15.0


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of it. `build` names the runtime that is current now; `runtime` is its folder.

    installed: a new runtime was made. switched: it was there already and is current now. healed: files were put
    back. identical: nothing was written. `previous`: what a rollback goes back to; `removed`: pruned runtimes.
    """

    build: str
    version: str
    runtime: str
    action: Action
    previous: str | None = None
    removed: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.action != "identical"

    def line(self) -> str:
        """In words, for a step's line."""
        words = {
            "installed": "installed",
            "switched": "switched to",
            "healed": "put back missing files of",
            "identical": "identical:",
        }[self.action]
        gone = f", {len(self.removed)} old removed" if self.removed else ""
        return f"{words} {self.build}{gone}"


def install_running(door: Door, paths: Paths, program: Program | None = None) -> Installed:
    """Make the running program the installed one. Raises InstallFailed, LockBusy, Unreadable, OSError.

    `program`: other facts than this process's own, for tests.
    """
    program = program or running_program(door)
    own = own_runtime(door, paths, program)
    if own is not None:
        return stay_with(door, paths, own)
    return put_in_place(door, paths, plan_running(door, program))


def inspect_running(door: Door, paths: Paths, program: Program | None = None) -> tuple[str, Action]:
    """(build, what `install_running` would do), without any effect. Raises as it does."""
    program = program or running_program(door)
    shelf = Shelf(door, paths)
    own = own_runtime(door, paths, program)
    if own is not None:
        return own, decide_own(shelf, own)
    plan = plan_running(door, program)
    return plan.build, decide(shelf, plan)


def own_runtime(door: Door, paths: Paths, program: Program) -> str | None:
    """The runtime of ours that this process runs from; None for a checkout or a virtual environment."""
    folder, name = split(program.prefix)
    return name if version_of(name) and folder == door.files.realpath(paths.runtimes) else None


def decide_own(shelf: Shelf, own: str) -> Action:
    """A runtime is never made anew from itself: what it lacks, a copy of it would lack too.

    memoryd's executable is a copy of an interpreter that lies elsewhere, and so the one thing that it can mend.
    """
    refuse_downgrade(shelf, version_of(own) or "")
    bad = shelf.damage(own)
    if bad == (OWN_PROGRAM,):
        return "healed"
    if bad:
        raise InstallFailed(
            f"{shelf.place(own)} is damaged ({bad[0]}{' and more' if bad[1:] else ''}) and cannot mend itself",
            remedy="iapeer-memory update --from SOURCE, or ./install.sh in a checkout",
        )
    return "identical" if shelf.current() == own else "switched"


def stay_with(door: Door, paths: Paths, own: str) -> Installed:
    """Keep, or make current, the runtime that this process runs from."""
    shelf = Shelf(door, paths)
    version = version_of(own) or ""
    if decide_own(shelf, own) == "identical":
        return Installed(own, version, shelf.place(own), "identical", shelf.previous())
    with one_at_a_time(door, paths):
        action = decide_own(shelf, own)
        if action == "healed":
            shelf.renew_program(own)
        shelf.switch(own)
        return Installed(own, version, shelf.place(own), action, shelf.previous(), shelf.prune())


def plan_running(door: Door, program: Program) -> Plan:
    """The runtime that the running program makes."""
    package = package_from(door.files, program.package, program.templates, program.lock, source=program.source)
    return plan_for(door, package, program, program.site)


def plan_for(door: Door, package: Package, program: Program, site: tuple[str, ...]) -> Plan:
    """A package with its locked distributions out of `site`, on the interpreter that runs now."""
    return plan_runtime(package, locked(door, package, program, site), program.interpreter)


def locked(door: Door, package: Package, program: Program, site: tuple[str, ...]) -> tuple[Distribution, ...]:
    """The distributions that a package's lock names. Raises InstallFailed when `site` lacks one."""
    pins = read_lock(package.lock, marker_environment(program.interpreter))
    return find_distributions(door.files, site, pins)


def decide(shelf: Shelf, plan: Plan) -> Action:
    """What has to be done. Raises InstallFailed for a downgrade."""
    refuse_downgrade(shelf, plan.package.version)
    if plan.build not in shelf.names():
        return "installed"
    if shelf.damage(plan.build):
        return "healed"
    return "identical" if shelf.current() == plan.build else "switched"


def refuse_downgrade(shelf: Shelf, version: str) -> None:
    """Raises InstallFailed when the current runtime is newer."""
    current = shelf.current()
    there = version_of(current) if current and shelf.info(current) else None
    if there and is_older(version, there):
        raise InstallFailed(f"{version} is older than the installed {there}", remedy="iapeer-memory update --rollback")


def put_in_place(door: Door, paths: Paths, plan: Plan) -> Installed:
    """Build or mend the runtime, switch to it, prune. One at a time on a host; a finished state takes no lock."""
    shelf = Shelf(door, paths)
    if decide(shelf, plan) == "identical":
        return Installed(plan.build, plan.package.version, shelf.place(plan.build), "identical", shelf.previous())
    with one_at_a_time(door, paths):
        action = decide(shelf, plan)
        info = RuntimeInfo(
            version=plan.package.version,
            build=plan.build,
            python=plan.interpreter.python,
            created=datetime.fromtimestamp(door.clock.now(), UTC).isoformat(timespec="milliseconds"),
            source=plan.package.source,
        )
        if action == "installed":
            shelf.build(info, contents(door.files, plan))
        elif action == "healed":
            mend(shelf, plan, info)
        shelf.switch(plan.build)
        removed = shelf.prune()
        return Installed(plan.build, info.version, shelf.place(plan.build), action, shelf.previous(), removed)


def mend(shelf: Shelf, plan: Plan, info: RuntimeInfo) -> None:
    """Put back what is missing, or make the runtime anew where its own list is gone."""
    bad = shelf.damage(plan.build)
    if RUNTIME_FILES in bad:
        shelf.build(info, contents(shelf.door.files, plan))
    else:
        shelf.heal(info, bad, contents(shelf.door.files, plan))


def one_at_a_time(door: Door, paths: Paths) -> AbstractContextManager[HeldLock]:
    """The lock around the folder of runtimes."""
    return door.locks.hold(paths.state("runtimes.lock"), wait=LOCK_WAIT, what="the folder of runtimes")
