"""All of the doctor's areas, one after the other. Reads and asks; writes nothing and starts nothing.

An area that fails in a way that nobody foresaw is one FAIL under its name, and the next one is looked at all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from iapeer_memory.broker import names
from iapeer_memory.broker.doctor.check import Check, Report
from iapeer_memory.broker.doctor.definitions import definition_checks, find_definitions
from iapeer_memory.broker.doctor.endpoint import Answer, ask, endpoint_check, first_socket, second_socket
from iapeer_memory.broker.doctor.identities import claim_folder_checks, look_at_claims
from iapeer_memory.broker.doctor.machine import (
    backend_path,
    inode_check,
    inode_health,
    kill_mode_check,
    own_unit,
    path_budget_check,
    version_check,
)
from iapeer_memory.broker.doctor.manifests import look_at_manifests, manifest_checks
from iapeer_memory.broker.doctor.sockets import look_at_sockets, socket_checks
from iapeer_memory.broker.doctor.variables import variable_checks
from iapeer_memory.broker.file_places import Folder
from iapeer_memory.broker.surroundings import Surroundings

DEFINITIONS_FLAG = "flag:--service-def-dir"
PROGRAM = "memoryd"


@dataclass(frozen=True, slots=True)
class Options:
    """`definitions`: another folder of definitions. `socket`: another socket of a broker of generation 1. `instance`
    and `program`: the broker's names in the two generations; no instance is the broker that services share. `data`:
    where files are to fit; the user's home when empty."""

    definitions: str = ""
    socket: str = ""
    instance: str = PROGRAM
    program: str = PROGRAM
    data: str = ""


Area = tuple[str, Callable[[], Iterable[Check]]]
"""A name, and what looks at that part."""


def examine(around: Surroundings, options: Options | None = None) -> Report:
    """Look at everything."""
    return report(areas(around, options or Options()))


def report(looks: Sequence[Area]) -> Report:
    """The checks of all areas, whatever becomes of one of them."""
    return Report(tuple(check for area in looks for check in _isolated(area)))


def areas(around: Surroundings, options: Options) -> tuple[Area, ...]:
    """In the order in which they are told: first those of the original, then ours."""
    files, place, uid = around.door.files, around.place, around.uid
    folder = Folder(options.definitions, DEFINITIONS_FLAG) if options.definitions else around.definitions
    data = options.data or place.home
    second = f"broker:endpoint-v2:{options.program}"

    def first() -> Answer:
        return ask(around, 1, lambda: options.socket or first_socket(around, options.instance))

    return (
        ("env", lambda: variable_checks(around.env)),
        ("broker:endpoint", lambda: (endpoint_check("broker:endpoint", first()),)),
        ("servicedef:dir", lambda: definition_checks(find_definitions(files, folder, uid=uid))),
        ("sockets:runtime-dir", lambda: socket_checks(look_at_sockets(around, names.v1_folder(place)), "", uid=uid)),
        ("filesystem:inodes", lambda: (inode_check(data, inode_health(data)),)),
        ("platform:path-budget", lambda: (path_budget_check(backend_path(around), platform=place.platform),)),
        ("platform:systemd-killmode", lambda: (kill_mode_check(own_unit(around.door, around.env)),)),
        ("build:version", lambda: (version_check(),)),
        (second, lambda: (endpoint_check(second, ask(around, 2, lambda: second_socket(around, options.program))),)),
        (
            "sockets:runtime-dir-v2",
            lambda: socket_checks(look_at_sockets(around, names.v2_folder(place)), "-v2", uid=uid),
        ),
        ("sidecars", lambda: claim_folder_checks(look_at_claims(around))),
        ("manifests:dir", lambda: manifest_checks(around, look_at_manifests(around))),
    )


def _isolated(area: Area) -> list[Check]:
    name, look = area
    found: list[Check] = []
    try:
        found.extend(look())
    except Exception as error:
        return [Check(name, "FAIL", f"the check itself failed ({type(error).__name__}: {error})")]
    return found
