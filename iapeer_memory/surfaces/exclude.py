"""Keeping `git status` as it was: lines for files of ours in the exclude file of a peer's work tree.

Only files that we are about to create get a line; the lines are remembered and go when the files go. The exclude
file is given back to the byte when the last of them is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import dirname, join

from iapeer_memory.egress.foreign import Change, edit_foreign
from iapeer_memory.surfaces.ahead import Intent
from iapeer_memory.surfaces.folders import drop_folders, making
from iapeer_memory.surfaces.git import WorkTree, exclude_line, with_lines, without_lines
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.ledger import FileRecord, digest


def hide(job: Job, cwd: str, paths: Sequence[str]) -> None:
    """Before files are made in a git work tree: keep those that are new out of `git status`.

    Raises FileRefused, OSError.
    """
    tree = job.view.work_tree(cwd)
    if tree is None:
        return
    real = job.view.ground.real(cwd)
    new = [path for path in paths if job.view.files.lstat(path) is None]
    lines = tuple(exclude_line(tree, join(real, path[len(cwd) :].lstrip("/"))) for path in new)
    if not lines:
        return
    path = tree.exclude_file
    last: list[Intent] = []

    def edit(data: bytes | None) -> bytes | None:
        new = with_lines(data, lines)
        there = set((data or b"").split(b"\n"))
        added = tuple(line for line in lines if line.encode("utf-8", "surrogateescape") not in there)
        last[:] = [
            Intent(
                path,
                None if new is None else digest(new),
                job.ledger.record(path) or FileRecord(data is None, "", None if data is None else digest(data)),
                made,
                lines=(*job.ledger.excludes.get(path, ()), *added),
            )
        ]
        if new != data:
            job.intend(last[0])
        return new

    with making(job, dirname(path), tree.common_dir) as made:
        done = change(job, tree, edit)
    if done != "written":
        return
    job.ledger.excludes[path] = last[0].lines
    if last[0].record is not None:
        job.ledger.keep(path, last[0].record)


def show(job: Job, cwd: str, gone: str) -> None:
    """After a file of ours is gone: take its line out of the exclude file. Raises FileRefused, OSError."""
    tree = job.view.work_tree(cwd)
    if tree is None:
        return
    path = tree.exclude_file
    mine = job.ledger.excludes.get(path, ())
    line = exclude_line(tree, join(job.view.ground.real(cwd), gone[len(cwd) :].lstrip("/")))
    if line not in mine:
        return
    record = job.ledger.record(path)

    def edit(data: bytes | None) -> bytes | None:
        if data is None:
            return None
        job.intend(Intent(path))
        rest = without_lines(data, (line,))
        if record is not None and record.created and not rest:
            return None
        if record is not None and rest.endswith(b"\n") and digest(rest[:-1]) == record.before:
            return rest[:-1]
        return rest

    change(job, tree, edit)
    left = tuple(other for other in mine if other != line)
    if left:
        job.ledger.excludes[path] = left
    else:
        job.ledger.excludes.drop(path)
        job.ledger.drop(path)
        drop_folders(job, dirname(path))


def change(job: Job, tree: WorkTree, edit: Callable[[bytes | None], bytes | None]) -> Change:
    """Edit the exclude file, which must not lead out of the repository. Raises FileRefused, OSError."""
    common = job.view.files.realpath(tree.common_dir)
    path = join(common, "info", "exclude")
    return edit_foreign(job.door, path, edit, policy=job.view.ground.policy(common), backups=job.backups)
