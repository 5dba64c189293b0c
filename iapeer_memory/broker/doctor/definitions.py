"""Checks of the folder of service definitions, and of each file in it, of both generations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename

from iapeer_memory.broker.doctor.check import Check
from iapeer_memory.broker.file_places import Folder
from iapeer_memory.broker.service_files import Scanned, scan
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused


@dataclass(frozen=True, slots=True)
class Definitions:
    """What there is. `refused`: why the folder as a whole does not count. `binaries`: of the paths that definitions
    name, those where something is."""

    folder: Folder
    exists: bool = False
    scanned: tuple[Scanned, ...] = ()
    refused: FileRefused | None = None
    binaries: frozenset[str] = frozenset()


def find_definitions(files: Files, folder: Folder, *, uid: int) -> Definitions:
    """Look. Raises nothing: what cannot be looked at is told."""
    try:
        exists = files.lstat(folder.path) is not None
        scanned = scan(files, folder.path, uid=uid)
        paths = {one.installed.definition.binary_path for one in scanned if one.installed is not None}
        there = frozenset(path for path in paths if files.stat(path) is not None)
    except FileRefused as error:
        return Definitions(folder, True, refused=error)
    return Definitions(folder, exists, scanned, binaries=there)


def definition_checks(found: Definitions) -> Iterator[Check]:
    """`servicedef:dir`, then one check a file."""
    place = f"{found.folder.path} ({found.folder.source})"
    if found.refused is not None:
        yield Check("servicedef:dir", "FAIL", f"{place}: {found.refused.line()}")
        return
    if not found.exists:
        yield Check("servicedef:dir", "WARN", f"{place} does not exist")
        return
    first = sum(one.generation == 1 for one in found.scanned)
    counts = f"{first} .servicedef files, {len(found.scanned) - first} .servicedef.v2 files"
    yield Check("servicedef:dir", "PASS", f"{place} is private ({counts})")
    for one in found.scanned:
        name = f"servicedef:{basename(one.path)}"
        if one.installed is None:
            yield Check(name, "FAIL", one.refused.line() if one.refused else "does not load")
        elif one.installed.definition.binary_path not in found.binaries:
            yield Check(name, "WARN", f"loads; nothing is at {one.installed.definition.binary_path}")
        else:
            yield Check(name, "PASS", f"loads; starts {one.installed.definition.binary_path}")
