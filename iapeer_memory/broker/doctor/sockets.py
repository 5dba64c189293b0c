"""Checks of the folders in which sockets lie: whose they are, and which sockets nobody listens on any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from iapeer_memory.broker.doctor.check import Check, Status
from iapeer_memory.broker.liveness import somebody_listens
from iapeer_memory.broker.private_folder import Objection, exposed_above, why_not_private
from iapeer_memory.broker.surroundings import Surroundings
from iapeer_memory.domain.door import FileStat
from iapeer_memory.domain.errors import FileRefused

WRITABLE_BY_OTHERS = 0o022


@dataclass(frozen=True, slots=True)
class SocketFolder:
    """One folder. `objection`: why it is not private; `error`: why it cannot be looked at. `stale`: sockets on which
    nobody listens. `foreign`: sockets of other users."""

    path: str
    found: FileStat | None = None
    objection: Objection | None = None
    error: str | None = None
    sockets: int = 0
    stale: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def look_at_sockets(around: Surroundings, folder: str) -> SocketFolder:
    """Look, and try each socket. Raises nothing."""
    files = around.door.files
    try:
        found = files.lstat(folder)
        if found is None:
            return SocketFolder(folder, objection=exposed_above(files, folder, around.uid))
        objection = why_not_private(files, folder, around.uid)
        paths = [f"{folder}/{name}" for name in files.list(folder) if name.endswith(".sock")]
        seen = [(path, one) for path in paths if (one := files.lstat(path)) is not None and one.kind == "socket"]
    except FileRefused as error:
        return SocketFolder(folder, error=error.line())
    stale = tuple(path for path, _ in seen if somebody_listens(around.door, path) is False)
    foreign = tuple(path for path, one in seen if one.uid != around.uid)
    return SocketFolder(folder, found, objection, sockets=len(seen), stale=stale, foreign=foreign)


def socket_checks(folder: SocketFolder, suffix: str, *, uid: int) -> Iterator[Check]:
    """`sockets:runtime-dir`, then `sockets:private`. `suffix`: "" for generation 1, `-v2` for generation 2."""
    stale, private = f"sockets:runtime-dir{suffix}", f"sockets:private{suffix}"
    if not folder.path:
        yield Check(stale, "PASS", "not applicable: pipes have no folder")
        yield Check(private, "PASS", "not applicable: pipes have no folder")
        return
    if folder.error is not None:
        yield Check(stale, "FAIL", f"cannot be listed: {folder.error}")
        yield Check(private, "FAIL", folder.error)
        return
    if folder.found is None:
        yield Check(stale, "PASS", f"{folder.path} does not exist; no broker has listened")
        if folder.objection is None:
            yield Check(private, "PASS", f"{folder.path} does not exist")
        else:
            yield Check(private, "FAIL", _objected(folder.path, folder.objection))
        return
    if folder.stale:
        names = ", ".join(folder.stale[:5]) + (", …" if len(folder.stale) > 5 else "")
        yield Check(stale, "WARN", f"{len(folder.stale)} of {folder.sockets} sockets are stale: {names}")
    else:
        yield Check(stale, "PASS", f"{folder.sockets} sockets in {folder.path}, none stale")
    yield _private(folder, folder.found, private, uid)


def _private(folder: SocketFolder, found: FileStat, name: str, uid: int) -> Check:
    if folder.foreign:
        return Check(name, "FAIL", f"another user's socket is in our place: {folder.foreign[0]}")
    if folder.objection is None:
        return Check(name, "PASS", f"{folder.path} is ours alone")
    readable = found.kind == "dir" and found.uid == uid and found.mode & 0o077 and not found.mode & WRITABLE_BY_OTHERS
    status: Status = "WARN" if readable else "FAIL"
    return Check(name, status, _objected(folder.path, folder.objection))


def _objected(path: str, why: Objection) -> str:
    return f"{path} {why.reason}; fix: {why.remedy}"
