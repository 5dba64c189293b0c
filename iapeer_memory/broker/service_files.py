"""All service definitions of a folder, and which one counts for a service. Never writes.

Generation 2 comes first; only where it has no file does generation 1 count. A broken file of generation 2 is an error,
never a reason to fall back to an older one that still loads. Nothing is cached: a definition counts as it is now.

Source: the running-process broker, combined loader and scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.private_folder import why_not_private
from iapeer_memory.broker.service_file import SUFFIXES, Generation, Installed, load, require_private
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused, Unreadable

GENERATIONS: tuple[Generation, ...] = (2, 1)


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file of the folder: what it holds, or why it does not count."""

    path: str
    name: str
    generation: Generation
    installed: Installed | None = None
    refused: FileRefused | None = None


def load_combined(files: Files, folder: str, name: str, *, uid: int) -> Installed | None:
    """The definition that counts for a service; None when neither generation has a file.

    Raises DefinitionRefused for a folder that is not private, a bad name, or a broken file; nothing else.
    """
    try:
        for generation in GENERATIONS:
            found = load(files, folder, name, generation, uid=uid)
            if found is not None:
                return found
    except Unreadable as error:
        raise DefinitionRefused("unreadable", error.path, error.reason, remedy=error.remedy) from None
    return None


def scan(files: Files, folder: str, *, uid: int) -> tuple[Scanned, ...]:
    """Every definition file of both generations, sorted by path; () when there is no such folder.

    Raises DefinitionRefused when the folder is not private, Unreadable when it cannot be listed.
    """
    if files.lstat(folder) is None:
        return ()
    require_private(files, folder, uid)
    return tuple(_scanned(files, folder, uid))


def enumerate_definitions(files: Files, folder: str, *, uid: int) -> tuple[Installed, ...]:
    """Those that load, one a service: the one that counts. () also when the folder is not private or unreadable."""
    try:
        if files.lstat(folder) is None or why_not_private(files, folder, uid) is not None:
            return ()
        found = scan(files, folder, uid=uid)
    except (DefinitionRefused, Unreadable):
        return ()
    broken = {one.name for one in found if one.generation == 2 and one.installed is None}
    counts: dict[str, Installed] = {}
    for one in sorted(found, key=lambda one: -one.generation):
        if one.installed is not None and one.name not in broken:
            counts.setdefault(one.name, one.installed)
    return tuple(counts[name] for name in sorted(counts))


def generation_of(file_name: str) -> tuple[str, Generation] | None:
    """(service, generation) of a definition file's name; None for any other file."""
    for generation in GENERATIONS:
        name = file_name.removesuffix(SUFFIXES[generation])
        if name != file_name:
            return name, generation
    return None


def _scanned(files: Files, folder: str, uid: int) -> Iterator[Scanned]:
    for file_name in files.list(folder):
        told = generation_of(file_name)
        if told is None:
            continue
        name, generation = told
        path = f"{folder}/{file_name}"
        try:
            installed = load(files, folder, name, generation, uid=uid)
        except FileRefused as error:
            yield Scanned(path, name, generation, refused=error)
            continue
        if installed is not None:
            yield Scanned(path, name, generation, installed)
