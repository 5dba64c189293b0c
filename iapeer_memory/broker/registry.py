"""The central registry: every manifest of a user, of this boot and of others. Never writes.

A manifest that cannot be believed is kept in what is told, with the reason: what it protects is unknown until somebody
mends it.

Source: the running-process broker, central manifest registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.broker.file_errors import ManifestRefused
from iapeer_memory.broker.host_identity import HostIdentity
from iapeer_memory.broker.manifest_file import SIZE_CAP, SUFFIXES, in_first_words, parsed
from iapeer_memory.broker.private_folder import why_not_private
from iapeer_memory.broker.protobuf import DecodeFailed, decode
from iapeer_memory.broker.service_file import Generation
from iapeer_memory.broker.wire_v1.manifest import CacheManifest
from iapeer_memory.broker.wire_v1.manifest import HostIdentity as RecordedHost
from iapeer_memory.broker.wire_v2.manifest import CacheManifest as SecondManifest
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import FileRefused

NO_MACHINE = "boot:"
"""How the identity of a machine without an id begins."""
Origin = Literal["this boot", "another boot", "another machine"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the registry.

    `manifest`: what it holds when it is believed, generation 2 in generation 1's words. `refused`: why it is not.
    `claimed`: what a refused file seems to say, good for nothing but to protect what it names.
    """

    path: str
    generation: Generation
    manifest: CacheManifest | None = None
    refused: FileRefused | None = None
    claimed: CacheManifest | None = None


def scan(files: Files, registry: str, *, uid: int) -> tuple[Entry, ...]:
    """Every manifest file of both generations, sorted by path; () when there is no registry.

    A registry that is not private, or that cannot be listed, is one entry that says so.
    """
    try:
        if files.lstat(registry) is None:
            return ()
        why = why_not_private(files, registry, uid)
        if why is not None:
            raise ManifestRefused("insecure-folder", registry, f"folder {why.reason}", remedy=why.remedy)
        names = files.list(registry)
    except FileRefused as error:
        return (Entry(registry, 1, refused=error),)
    found = [(f"{registry}/{name}", generation_of(name)) for name in names]
    entries = [read_entry(files, path, generation) for path, generation in found if generation is not None]
    return tuple(entry for entry in entries if entry is not None)


def generation_of(file_name: str) -> Generation | None:
    """Which generation a file's name promises; None for what is no manifest, a half-written temp for one."""
    if file_name.startswith("."):
        return None
    if file_name.endswith(SUFFIXES[2]):
        return 2
    return 1 if file_name.endswith(SUFFIXES[1]) else None


def origin(host: RecordedHost | None, here: HostIdentity) -> Origin:
    """Where a manifest was made. What it does not tell counts as here.

    A machine without an id goes by its boot; of two such, those of one name count as one machine.
    """
    if host is None:
        return "this boot"
    if host.machine_id and here.machine_id and host.machine_id != here.machine_id:
        nameless = host.machine_id.startswith(NO_MACHINE) and here.machine_id.startswith(NO_MACHINE)
        return "another boot" if nameless and host.hostname == here.hostname else "another machine"
    if host.boot_id and here.boot_id and host.boot_id != here.boot_id:
        return "another boot"
    return "this boot"


def of_this_boot(entries: Sequence[Entry], here: HostIdentity) -> tuple[CacheManifest, ...]:
    """The manifests that are believed and were made since this machine started."""
    return tuple(one for one in _believed(entries) if origin(one.host, here) == "this boot")


def of_this_machine(entries: Sequence[Entry], here: HostIdentity) -> tuple[CacheManifest, ...]:
    """The manifests that are believed and were made on this machine, whatever the boot."""
    return tuple(one for one in _believed(entries) if origin(one.host, here) != "another machine")


def read_entry(files: Files, path: str, generation: Generation) -> Entry | None:
    """One manifest file, believed or not; None when it is not there. Raises nothing."""
    try:
        data = files.read_optional(path, limit=SIZE_CAP)
    except FileRefused as error:
        return Entry(path, generation, refused=error)
    if data is None:
        return None
    try:
        return Entry(path, generation, parsed(data, path, generation))
    except ManifestRefused as error:
        return Entry(path, generation, refused=error, claimed=_claimed(data, generation))


def _believed(entries: Sequence[Entry]) -> list[CacheManifest]:
    return [entry.manifest for entry in entries if entry.manifest is not None]


def _claimed(data: bytes, generation: Generation) -> CacheManifest | None:
    try:
        return decode(CacheManifest, data) if generation == 1 else in_first_words(decode(SecondManifest, data))
    except DecodeFailed:
        return None
