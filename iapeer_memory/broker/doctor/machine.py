"""Checks of the machine: room for files, room in a socket's address, what ends a service's children, our version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory import __version__
from iapeer_memory.broker import names
from iapeer_memory.broker.doctor.check import Check
from iapeer_memory.broker.fs_health import InodeHealth
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import FileRefused, ProductError
from iapeer_memory.egress.inodes import inode_counts

SLACK = 8
"""Bytes below the limit of a path from which on it is told."""
INVOCATION = "INVOCATION_ID"
CGROUP = "/proc/self/cgroup"
ASK_SECONDS = 5.0
SAFE_MODES = ("process", "none")
"""What leaves a service's other processes alone when the service is stopped."""


def inode_health(path: str) -> InodeHealth | str:
    """The room for files where the path lies, or why it cannot be told."""
    try:
        return InodeHealth(*inode_counts(path))
    except OSError as error:
        return (error.strerror or str(error)).lower()


def inode_check(path: str, found: InodeHealth | str) -> Check:
    """`filesystem:inodes`."""
    name = "filesystem:inodes"
    if isinstance(found, str):
        return Check(name, "WARN", f"{path}: cannot be told ({found})")
    if found.verdict == "not applicable":
        return Check(name, "PASS", f"{path}: the file system has no fixed number of inodes")
    detail = f"{path}: {found.free} of {found.total} inodes free ({1 - found.used_ratio:.1%})"
    return Check(name, "FAIL" if found.verdict == "fail" else "WARN" if found.verdict == "warn" else "PASS", detail)


def backend_path(around: Surroundings) -> str | ProductError:
    """The longest path that a broker makes up: a backend's. Or why there is none."""
    try:
        return names.v1_socket(around.place, names.backend_leaf(around.user(), "0" * names.BACKEND_HEX))
    except ProductError as error:
        return error


def path_budget_check(path: str | ProductError, *, platform: str) -> Check:
    """`platform:path-budget`."""
    name = "platform:path-budget"
    if isinstance(path, ProductError):
        return Check(name, "FAIL", path.line())
    left = names.room_left(path, platform=platform)
    return Check(name, "WARN" if left <= SLACK else "PASS", f"{left} bytes left for a backend's socket: {path}")


@dataclass(frozen=True, slots=True)
class Unit:
    """The systemd unit that we run in. `name`: "" when it cannot be told. `kill_mode`: "" likewise."""

    name: str = ""
    kill_mode: str = ""


def own_unit(door: Door, env: Mapping[str, str]) -> Unit | None:
    """The unit; None when we are not under systemd."""
    if INVOCATION not in env:
        return None
    try:
        name, user = unit_in((door.files.read_optional(CGROUP, limit=1 << 16) or b"").decode("utf-8", "replace"))
    except FileRefused:
        return Unit()
    if not name:
        return Unit()
    argv = ["systemctl", *(["--user"] if user else []), "show", "-p", "KillMode", name]
    told = door.processes.run(argv, timeout=ASK_SECONDS)
    return Unit(name, told.stdout.strip().removeprefix("KillMode=") if told.ok else "")


def unit_in(cgroups: str) -> tuple[str, bool]:
    """(the unit, whether the user's own systemd runs it) in the text of a process's cgroup file; "" when none is."""
    for line in cgroups.splitlines():
        parts = line.rpartition(":")[2].split("/")
        units = [part for part in parts if part.endswith((".service", ".scope"))]
        if units:
            return units[-1], len(units) > 1 and any(part.startswith("user@") for part in units[:-1])
    return "", False


def kill_mode_check(unit: Unit | None) -> Check:
    """`platform:systemd-killmode`."""
    name = "platform:systemd-killmode"
    if unit is None:
        return Check(name, "PASS", "not under systemd")
    if not unit.kill_mode:
        return Check(name, "WARN", f"cannot be told for {unit.name or 'our unit'}")
    if unit.kill_mode in SAFE_MODES:
        return Check(name, "PASS", f"{unit.name}: KillMode={unit.kill_mode}")
    return Check(name, "WARN", f"{unit.name}: KillMode={unit.kill_mode}, daemons started here end with the unit")


def version_check() -> Check:
    """`build:version`."""
    return Check("build:version", "PASS", f"iapeer-memory {__version__} — protocol v1, framing v1")
