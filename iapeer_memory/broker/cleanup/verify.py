"""What services have left on disk, and which of it is in use, stale or broken. Read-only.

Each thing is of a class and in a state: CLEAN (nothing is there), PRESENT (there, and rightly so), ACTIVE (in use),
STALE (of a daemon that is dead), ORPHANED (of a service that is gone), ERROR (cannot be read or believed).

Source of classes and states: the running-process broker, cleanup command.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.broker import names
from iapeer_memory.broker.cleanup.listing import Listed, listed
from iapeer_memory.broker.cleanup.lives import service_of
from iapeer_memory.broker.liveness import judge, look, somebody_listens
from iapeer_memory.broker.service_files import scan as scan_definitions
from iapeer_memory.broker.sidecar import try_read_sidecar
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.broker.wire_v1.manifest import CacheRootKind
from iapeer_memory.domain.errors import FileRefused

Class = Literal["manifest", "socket", "pid-file", "servicedef", "database", "logs"]
State = Literal["CLEAN", "ACTIVE", "PRESENT", "STALE", "ORPHANED", "ERROR"]
SCHEMA = 1
DATABASES = (CacheRootKind.DATA, CacheRootKind.INDEX, CacheRootKind.JOURNAL)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One thing on disk. `path`: "" for a class of which nothing is there."""

    kind: Class
    state: State
    path: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        """The artifact as JSON-able data."""
        return {"class": self.kind, "state": self.state, "path": self.path, "detail": self.detail}


def verify(around: Surroundings, *, scope_hash: str = "") -> tuple[Artifact, ...]:
    """Everything that there is. `scope_hash`: of sockets only those that bear this user hash. Raises nothing."""
    found = listed(around)
    looks: tuple[tuple[Class, Iterator[Artifact]], ...] = (
        ("manifest", _manifests(found)),
        ("socket", _sockets(around, scope_hash)),
        ("pid-file", _claims(around)),
        ("servicedef", _definitions(around)),
        ("database", _roots(around, found, "database", DATABASES)),
        ("logs", _roots(around, found, "logs", (CacheRootKind.LOGS,))),
    )
    told: list[Artifact] = []
    for kind, look_at in looks:
        try:
            told += list(look_at) or [Artifact(kind, "CLEAN")]
        except FileRefused as error:
            told.append(Artifact(kind, "ERROR", error.path, error.line()))
    return tuple(told)


def exit_code(artifacts: Sequence[Artifact]) -> int:
    """1 when anything is an ERROR, else 0."""
    return 1 if any(one.state == "ERROR" for one in artifacts) else 0


def document(artifacts: Sequence[Artifact]) -> dict[str, object]:
    """All of them as JSON-able data, schema 1."""
    return {
        "schema_version": SCHEMA,
        "exit_code": exit_code(artifacts),
        "artifacts": [one.as_json() for one in artifacts],
    }


def _manifests(found: Sequence[Listed]) -> Iterator[Artifact]:
    for one in found:
        path, manifest = one.entry.path, one.entry.manifest
        if manifest is None or one.life is None:
            yield Artifact("manifest", "ERROR", path, one.entry.refused.line() if one.entry.refused else "")
        elif one.origin != "this boot":
            yield Artifact("manifest", "STALE", path, f"made on {one.origin}")
        elif manifest.current_daemon is not None and one.life.state == "dead":
            yield Artifact("manifest", "STALE", path, one.life.detail)
        else:
            yield Artifact("manifest", "ACTIVE" if one.life.state == "alive" else "PRESENT", path, one.life.detail)


def _sockets(around: Surroundings, scope_hash: str) -> Iterator[Artifact]:
    files = around.door.files
    for folder in (names.v1_folder(around.place), names.v2_folder(around.place)):
        for name in files.list(folder) if folder else ():
            path = f"{folder}/{name}"
            seen = files.lstat(path)
            if scope_hash not in name or seen is None or seen.kind != "socket":
                continue
            listens = somebody_listens(around.door, path)
            state: State = "ACTIVE" if listens else "PRESENT" if listens is None else "STALE"
            detail = {True: "somebody listens", False: "nobody listens", None: "it cannot be told who listens"}[listens]
            yield Artifact("socket", state, path, detail)


def _claims(around: Surroundings) -> Iterator[Artifact]:
    for folder in (names.state_folder(around.place), names.services_folder(around.place)):
        for name in around.door.files.list(folder):
            path = f"{folder}/{name}"
            if service_of(name) is None:
                continue
            try:
                claim = try_read_sidecar(around.door.files, path)
            except FileRefused as error:
                yield Artifact("pid-file", "ERROR", path, error.line())
                continue
            if claim is not None:
                seen = look(around.door, claim)
                life = judge(claim, seen, boot_id=around.here.boot_id, same_processes=True, uid=around.uid)
                yield Artifact("pid-file", "STALE" if life.state == "dead" else "ACTIVE", path, life.detail)


def _definitions(around: Surroundings) -> Iterator[Artifact]:
    files = around.door.files
    for one in scan_definitions(files, around.definitions.path, uid=around.uid):
        if one.installed is None:
            yield Artifact("servicedef", "ERROR", one.path, one.refused.line() if one.refused else "")
            continue
        binary = one.installed.definition.binary_path
        there = files.stat(binary) is not None
        yield Artifact("servicedef", "PRESENT" if there else "ORPHANED", one.path, binary)


def _roots(around: Surroundings, found: Sequence[Listed], name: Class, kinds: Sequence[int]) -> Iterator[Artifact]:
    told: set[str] = set()
    for one in found:
        for root in one.entry.manifest.roots if one.entry.manifest else ():
            if root.kind not in kinds or root.path in told or not root.path.startswith("/"):
                continue
            told.add(root.path)
            there = around.door.files.lstat(root.path) is not None
            yield Artifact(name, "PRESENT" if there else "CLEAN", root.path)
