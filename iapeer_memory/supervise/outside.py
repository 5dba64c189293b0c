"""What memoryd has outside our own folders: its socket, its claims for brokers, its manifest. Recorded before it is
made.

Where these lie depends on the environment that memoryd was started in, and whoever clears up after it, be it the next
memoryd or an uninstall, may have another one. Never removes a socket on which somebody listens, nor a file that does
not bear this installation's name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from os.path import basename, dirname

from iapeer_memory.broker.handle import remove_dead_socket
from iapeer_memory.domain.door import Door, Files
from iapeer_memory.domain.paths import Paths

SOCKET, MANIFEST = ".sock", ".pb"
SHARED = ("broker", "broker-v2", "services", "manifests", "running-process")
"""Folders that every daemon of the user may have something in; they go when they are empty."""
LIMIT = 1 << 16


def recorded(files: Files, paths: Paths) -> tuple[str, ...]:
    """The paths, absolute, as they were recorded."""
    data = files.read_optional(paths.daemon_outside, limit=LIMIT) or b""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return tuple(line for line in lines if line.startswith("/"))


def folders(files: Files, paths: Paths) -> tuple[str, ...]:
    """The folders in which they lie."""
    return tuple(dict.fromkeys(map(dirname, recorded(files, paths))))


def record(files: Files, paths: Paths, places: Iterable[str]) -> None:
    """Add what is to be made. Raises OSError."""
    known = recorded(files, paths)
    new = tuple(dict.fromkeys((*known, *places)))
    if new != known:
        _write(files, paths, new)


def clear(door: Door, paths: Paths, *, keep: Collection[str] = ()) -> int:
    """Remove what is recorded and not to be kept; how much there was. The caller knows that memoryd does not run, or
    is it. Raises OSError."""
    known = recorded(door.files, paths)
    removed = sum(remove(door, paths, place) for place in known if place not in keep)
    kept = tuple(place for place in known if place in keep)
    if kept != known:
        _write(door.files, paths, kept)
    return removed


def remove(door: Door, paths: Paths, place: str) -> bool:
    """Remove one of them, and the folders that it leaves empty; whether it was there. Raises OSError."""
    files = door.files
    if place.endswith(SOCKET):
        # Whether a socket is dead is tried past the door, so a dry run only plans.
        removed = files.remove(place) if door.kind == "overlay" else remove_dead_socket(door, place)
        if files.lstat(place) is None:
            files.remove(f"{place}.lock")
    else:
        removed = paths.service in basename(place) and files.remove(place)
    remove_empty(files, dirname(place))
    return removed


def remove_empty(files: Files, folder: str) -> None:
    """Remove a folder that daemons share, and those above it, as long as they are empty. Raises OSError."""
    while basename(folder).startswith(SHARED) and files.rmdir(folder):
        folder = dirname(folder)


def _write(files: Files, paths: Paths, places: tuple[str, ...]) -> None:
    text = "".join(f"{place}\n" for place in places)
    files.write(paths.daemon_outside, text.encode("utf-8", "surrogateescape"), mode=0o600)
