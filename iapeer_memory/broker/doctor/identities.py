"""Checks of the sidecars in which daemons tell who they are, and of the daemons themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename

from iapeer_memory.broker import names
from iapeer_memory.broker.cleanup.lives import service_of
from iapeer_memory.broker.doctor.check import Check, Status
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.private_folder import Objection, objection
from iapeer_memory.broker.refused_identity import Mismatch, NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar, try_read_sidecar
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.broker.verify import Wanted, verify
from iapeer_memory.broker.wire_v1.process import Endpoint
from iapeer_memory.domain.errors import FileRefused

FOLDERS = ("broker", "services")
"""Of daemons that a broker knows, and of those that are served without one."""
SQUATTED: tuple[Mismatch, ...] = ("PeerMismatch", "IdentityMismatch")
"""Somebody else answers in the daemon's place; all other mismatches are what a daemon that ended leaves behind."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One sidecar. `found`: who the daemon is not, None when it has proved who it is."""

    path: str
    service: str
    sidecar: Sidecar | None = None
    refused: FileRefused | None = None
    found: NotThatDaemon | None = None


@dataclass(frozen=True, slots=True)
class ClaimFolder:
    """A folder of sidecars. `refused`: why it cannot be looked at."""

    path: str
    claims: tuple[Claim, ...] = ()
    exists: bool = False
    objection: Objection | None = None
    refused: FileRefused | None = None


def look_at_claims(around: Surroundings) -> tuple[ClaimFolder, ...]:
    """Every sidecar that there is, and its daemon asked. Raises nothing."""
    hashes = ExecutableHashes()
    folders = (names.state_folder(around.place), names.services_folder(around.place))
    return tuple(_folder(around, hashes, folder) for folder in folders)


def claim_folder_checks(folders: Sequence[ClaimFolder]) -> Iterator[Check]:
    """The checks of all folders, as `look_at_claims` gives them."""
    for folder, kind in zip(folders, FOLDERS, strict=True):
        yield from claim_checks(folder, kind)


def claim_checks(folder: ClaimFolder, kind: str) -> Iterator[Check]:
    """`sidecars:<kind>` for the folder, then `sidecar:<file>` and `daemon:<service>` for each claim in it."""
    name = f"sidecars:{kind}"
    if folder.refused is not None:
        yield Check(name, "FAIL", folder.refused.line())
        return
    if not folder.exists:
        yield Check(name, "PASS", f"{folder.path} does not exist; no daemon has told of itself")
        return
    detail = f"{folder.path}: {len(folder.claims)} identity files"
    if folder.objection is None:
        yield Check(name, "PASS", detail)
    else:
        yield Check(name, "WARN", f"{detail}; it {folder.objection.reason}; fix: {folder.objection.remedy}")
    for claim in folder.claims:
        yield from _claim_checks(claim)


def _claim_checks(claim: Claim) -> Iterator[Check]:
    name = f"sidecar:{basename(claim.path)}"
    if claim.sidecar is None:
        yield Check(name, "FAIL", claim.refused.line() if claim.refused else "cannot be read")
        return
    process = claim.sidecar.process
    path = process.ipc_endpoint.path if process.ipc_endpoint else ""
    yield Check(name, "PASS", f"claims pid {process.pid} on {path or 'no endpoint'}")
    status: Status = "PASS"
    detail = f"pid {process.pid} proved to be it, on {path}"
    if claim.found is not None:
        status = "FAIL" if claim.found.kind in SQUATTED else "WARN"
        detail = claim.found.line()
    yield Check(f"daemon:{claim.service}", status, detail)


def _folder(around: Surroundings, hashes: ExecutableHashes, folder: str) -> ClaimFolder:
    files = around.door.files
    try:
        there = files.lstat(folder)
        if there is None:
            return ClaimFolder(folder)
        named = [(f"{folder}/{name}", service_of(name)) for name in files.list(folder)]
    except FileRefused as error:
        return ClaimFolder(folder, refused=error)
    claims = tuple(_claim(around, hashes, path, service) for path, service in named if service is not None)
    return ClaimFolder(folder, claims, True, objection(folder, there, around.uid))


def _claim(around: Surroundings, hashes: ExecutableHashes, path: str, service: str) -> Claim:
    try:
        sidecar = try_read_sidecar(around.door.files, path)
    except FileRefused as error:
        return Claim(path, service, refused=error)
    if sidecar is None:
        return Claim(path, service)
    endpoint = sidecar.process.ipc_endpoint or Endpoint()
    wanted = Wanted(endpoint=endpoint, boot_id=around.here.boot_id, uid=around.uid)
    found = verify(around.door, hashes, sidecar, wanted)
    if isinstance(found, NotThatDaemon):
        return Claim(path, service, sidecar, found=found)
    found.close()
    return Claim(path, service, sidecar)
