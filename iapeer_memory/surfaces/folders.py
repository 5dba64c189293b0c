"""Folders that we make on the way to a file of ours, and their removal when they are empty again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os.path import dirname

from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.view import View


def missing_folders(view: View, folder: str, inside: str | None) -> tuple[str, ...]:
    """The folders that a write will have to make, outermost first."""
    missing: list[str] = []
    while folder not in (inside, "/") and view.files.lstat(folder) is None:
        missing.append(folder)
        folder = dirname(folder)
    return tuple(reversed(missing))


@contextmanager
def making(job: Job, folder: str, inside: str | None) -> Iterator[tuple[str, ...]]:
    """Around a write: the folders that it has to make. Those that it did make are ours, also where it then failed."""
    missing = missing_folders(job.view, folder, inside)
    try:
        yield missing
    finally:
        for place in missing:
            stat = job.door.files.lstat(place)
            if stat is not None and stat.kind == "dir":
                job.ledger.folders[place] = None


def drop_folders(job: Job, folder: str) -> None:
    """Remove folders that we made, from here upward, as far as they are empty now.

    Folders that are gone already are passed over: a run that failed between two of them had the lower one removed.
    """
    while folder != dirname(folder):
        stat = job.door.files.lstat(folder)
        if stat is not None and (
            folder not in job.ledger.folders or stat.kind != "dir" or not job.door.files.rmdir(folder)
        ):
            return
        job.ledger.folders.drop(folder)
        folder = dirname(folder)
