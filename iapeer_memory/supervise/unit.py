"""The texts of a systemd user unit and what `systemctl` says of one. Pure.

Source: systemd.unit(5), systemd.service(5) for quoting and specifiers; systemctl(1) for `show`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from iapeer_memory.domain.paths import UNIT_NAME, Paths

UNIT = f"{UNIT_NAME}.service"
PROPERTIES = ("FragmentPath", "UnitFileState", "ActiveState", "SubState", "MainPID", "NeedDaemonReload")
UP = ("running", "degraded", "starting", "initializing")


@dataclass(frozen=True, slots=True)
class UnitState:
    """What `systemctl --user show` says of our unit."""

    path: str
    enabled: bool
    active: str
    pid: int
    stale: bool


def unit_text(template: str, paths: Paths) -> bytes:
    """The unit: the template with the launcher and the log put in, quoted as systemd reads them."""
    values = {"LAUNCHER": word(paths.launcher), "LOG": specifier(paths.daemon_log)}
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    return template.encode("utf-8", "surrogateescape")


def word(text: str) -> str:
    """One word of a command line: quoted, with nothing left that systemd would expand."""
    escaped = specifier(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


def specifier(text: str) -> str:
    """Text in which systemd sees no specifier."""
    return text.replace("%", "%%")


def read_properties(stdout: str) -> Mapping[str, str]:
    """`KEY=VALUE` lines."""
    return dict(line.split("=", 1) for line in stdout.splitlines() if "=" in line)


def read_state(stdout: str) -> UnitState:
    """The properties of `PROPERTIES`."""
    found = read_properties(stdout)
    pid = found.get("MainPID", "0")
    return UnitState(
        path=found.get("FragmentPath", ""),
        enabled=found.get("UnitFileState", "") in ("enabled", "enabled-runtime", "linked"),
        active=found.get("ActiveState", "inactive"),
        pid=int(pid) if pid.isdecimal() else 0,
        stale=found.get("NeedDaemonReload", "no") == "yes",
    )


def listed(text: str) -> list[str]:
    """A list of paths; one with a blank in it stands in quotes."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def manager_objection(stdout: str, unit_dir: str) -> str | None:
    """Why this user's manager cannot run our unit, or None. `stdout`: its `SystemState` and `UnitPath`."""
    found = read_properties(stdout)
    if found.get("SystemState", "") not in UP:
        return f"the user's service manager is {found.get('SystemState') or 'not there'}"
    if unit_dir not in listed(found.get("UnitPath", "")):
        return f"the user's service manager does not read {unit_dir}"
    return None
