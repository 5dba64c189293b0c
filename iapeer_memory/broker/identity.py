"""Which process a daemon is, gathered about ourselves or looked up about another. Never believes what a process says.

Source: the running-process broker's DaemonProcess.
"""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3

from iapeer_memory.broker.wire_v1.process import BLAKE3, DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.errors import FileRefused, ProductError, Unreadable
from iapeer_memory.egress.executables import DELETED, executable_path, image_path

EXECUTABLE_BYTES = 1 << 30


class NoIdentity(ProductError):
    """This process cannot be described, so nobody could verify it."""


@dataclass(frozen=True, slots=True)
class Image:
    """The program that a process runs.

    `path`: canonical; `source`: where the bytes that run can be read; `replaced`: the path leads to another file now,
    or nowhere.
    """

    path: str
    source: str
    replaced: bool


class ExecutableHashes:
    """BLAKE3 of executables, remembered by device, inode, size and mtime: a file that changed is hashed anew."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[int, int], int, int], bytes] = {}

    def digest(self, files: Files, path: str) -> bytes:
        """32 bytes. Raises FileNotFoundError, Unreadable."""
        found = files.stat(path)
        if found is None:
            raise FileNotFoundError(path)
        key = (found.inode, found.size, found.mtime_ns)
        digest = self._known.get(key)
        if digest is None:
            digest = self._known[key] = blake3(files.read(path, limit=EXECUTABLE_BYTES)).digest()
        return digest

    def learn(self, files: Files, pid: int) -> None:
        """Hash what the process runs ahead of the question, which then waits for no disk. Never fails."""
        try:
            image = image_of(files, pid)
            if image is not None:
                self.digest(files, image.source)
        except (FileNotFoundError, FileRefused):
            return


def image_of(files: Files, pid: int) -> Image | None:
    """What the process runs; None when it is gone, or is not ours to look at."""
    named = executable_path(pid)
    if named is None:
        return None
    source = image_path(pid, named)
    path = named.removesuffix(DELETED) if files.stat(named) is None else named
    try:
        running, there = files.stat(source), files.stat(path)
    except Unreadable:
        return None
    if running is None:
        return None
    return Image(files.realpath(path), source, there is None or there.inode != running.inode)


def describe(
    door: Door,
    hashes: ExecutableHashes,
    *,
    pid: int,
    endpoint: Endpoint,
    boot_id: str,
    started_at: float,
    idle_timeout: int | None = None,
) -> DaemonProcess:
    """The identity of a daemon that listens on the endpoint. `started_at`: seconds since the epoch.

    Raises NoIdentity, Unreadable.
    """
    image = image_of(door.files, pid)
    if image is None:
        raise NoIdentity("the executable of this process cannot be told")
    return DaemonProcess(
        pid=pid,
        exe_path=image.path,
        ipc_endpoint=endpoint,
        started_at_unix_ms=int(started_at * 1000),
        boot_id=boot_id,
        idle_timeout_secs=idle_timeout,
        exe_hash_algorithm=BLAKE3,
        exe_hash=hashes.digest(door.files, image.source),
    )
