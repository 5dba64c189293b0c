"""Putting our parts into foreign files and taking them out, one file at a time, with the ledger kept.

One surface that fails stops no other: what goes wrong becomes a `failed` outcome. No drift, no write.
Never touches a file but through `edit_foreign`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import dirname

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.peer import Peer
from iapeer_memory.edits.ops import Edited
from iapeer_memory.egress.foreign import edit_foreign
from iapeer_memory.surfaces.ahead import Intent
from iapeer_memory.surfaces.exclude import show
from iapeer_memory.surfaces.folders import drop_folders, making
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.judged import is_given_up, reason, remedy
from iapeer_memory.surfaces.ledger import FileRecord, digest, key_of
from iapeer_memory.surfaces.part import Part, Verdict, is_exact, undo
from iapeer_memory.surfaces.state import SurfaceOutcome

NEW_FILE_MODE = 0o644


def leave(job: Job, cwd: str, surface: str, path: str) -> SurfaceOutcome:
    """A file that the team tracks by now stays as it is; only our line in the exclude file goes."""
    try:
        show(job, cwd, path)
    except (FileRefused, OSError) as error:
        return SurfaceOutcome(surface, "failed", path, reason(error))
    job.ledger.drop(path)
    return SurfaceOutcome(surface, "absent", path)


def may_put(job: Job, key: str, path: str, verdict: Verdict) -> bool:
    """Whether to write what is missing or wrong."""
    return job.insist or not is_given_up(job.ledger, key, path, verdict)


def note_placed(job: Job, key: str, path: str, verdict: Verdict) -> None:
    """It is in place now; that it had been taken out by hand is counted, once it was put back and not when we tried."""
    if job.insist:
        job.ledger.removed.drop(key)
    elif verdict.kind == "missing" and job.ledger.placed.get(key) == path:
        job.ledger.removed[key] = job.ledger.removed.get(key, 0) + 1
    job.ledger.placed[key] = path


def given_up(peer: Peer, harness: str, surface: str, path: str) -> SurfaceOutcome:
    """The outcome for a surface that we do not fight over."""
    detail = f"taken out by its owner twice; to put it back: {remedy(peer, harness)}"
    return SurfaceOutcome(surface, "skipped", path, detail)


def put(
    job: Job, peer: Peer, harness: str, found: Sequence[tuple[Part, Verdict]], *, remember: bool = True
) -> list[SurfaceOutcome]:
    """Bring the parts of one file into place, in one write. All parts have the same path.

    `remember`: also note parts that were in place already as ours.
    """
    outcomes: list[SurfaceOutcome] = []
    todo: list[Part] = []
    verdicts: dict[str, Verdict] = {}
    for part, verdict in found:
        key = key_of(peer.personality, harness, part.surface)
        if verdict.kind == "ok":
            outcomes.append(SurfaceOutcome(part.surface, "already", part.path))
            if remember:
                job.ledger.placed[key] = part.path
        elif verdict.kind == "refused":
            outcomes.append(SurfaceOutcome(part.surface, "failed", part.path, verdict.detail))
        elif may_put(job, key, part.path, verdict):
            todo.append(part)
            verdicts[key] = verdict
        else:
            outcomes.append(given_up(peer, harness, part.surface, part.path))
    if todo:
        try:
            change = write(job, todo, {key: part.path for key, part in zip(verdicts, todo, strict=True)})
        except (FileRefused, OSError) as error:
            return outcomes + [SurfaceOutcome(p.surface, "failed", p.path, reason(error)) for p in todo]
        for part, (key, verdict) in zip(todo, verdicts.items(), strict=True):
            note_placed(job, key, part.path, verdict)
            outcomes.append(SurfaceOutcome(part.surface, "written" if change else "already", part.path))
    return outcomes


def write(job: Job, parts: Sequence[Part], placed: Mapping[str, str]) -> bool:
    """Add the parts to their file; whether anything was written. Raises FileRefused, OSError."""
    path, inside = parts[0].path, parts[0].inside
    record = job.ledger.record(path)
    last: list[FileRecord] = []

    def edit(data: bytes | None) -> bytes | None:
        as_left = record is not None and data is not None and digest(data) == record.after
        since = dict(record.undo) if as_left and record is not None and record.undo is not None else {}
        clean = bool(since) or data is None or not any(part.strip(data).changed for part in parts)
        edited = Edited(data, since)
        for part in parts:
            edited = part.add(edited.data, edited.undo or None)
        left = FileRecord(
            created=data is None or (record is not None and record.created),
            after=digest(edited.data or b""),
            before=record.before if record is not None else None if data is None else digest(data),
            undo=edited.undo or None if clean else None,
        )
        last[:] = [left]
        if edited.data != data:
            job.intend(Intent(path, left.after, left, made, placed=placed))
        return edited.data

    policy = job.view.ground.policy(inside)
    with making(job, dirname(path), inside) as made:
        change = edit_foreign(job.door, path, edit, policy=policy, backups=job.backups, mode=NEW_FILE_MODE)
    job.view.ground.forget()
    if change != "written":
        return False
    job.ledger.keep(path, last[0])
    return True


def take(job: Job, peer: Peer, harness: str, parts: Sequence[Part]) -> list[SurfaceOutcome]:
    """Take the parts out of one file, in one write: to the byte where nobody wrote since, our keys otherwise."""
    path, inside = parts[0].path, parts[0].inside
    record = job.ledger.record(path)
    gone: set[str] = set()

    def edit(data: bytes | None) -> bytes | None:
        gone.clear()
        if data is None:
            return None
        job.intend(Intent(path))
        stripped = Edited(data, {})
        for part in parts:
            result = part.strip(stripped.data or b"")
            if result.changed:
                gone.add(part.surface)
                stripped = result
        if record is not None and record.undo is not None and digest(data) == record.after and is_exact(record.undo):
            before = undo(data, dict(record.undo), path)
            if before is None or not any(part.strip(before).changed for part in parts):
                return before
        if not gone:
            return data
        drop = record.created if record is not None else all(part.drop_empty for part in parts)
        return None if drop and stripped.empty else stripped.data

    try:
        policy = job.view.ground.policy(inside)
        change = edit_foreign(job.door, path, edit, policy=policy, backups=job.backups)
        job.view.ground.forget()
        if change in ("removed", "absent"):
            drop_folders(job, dirname(path))
            show(job, peer.cwd, path)
    except (FileRefused, OSError) as error:
        return [SurfaceOutcome(part.surface, "failed", path, reason(error)) for part in parts]
    job.ledger.drop(path)
    outcomes: list[SurfaceOutcome] = []
    for part in parts:
        job.ledger.forget(key_of(peer.personality, harness, part.surface))
        outcomes.append(SurfaceOutcome(part.surface, "removed" if part.surface in gone else "absent", path))
    return outcomes


def shed(job: Job, peer: Peer, part: Part) -> str | None:
    """Take one part out of a file that may keep others of ours; None, or what went wrong."""
    path = part.path
    record = job.ledger.record(path)
    left: list[bytes] = []

    def edit(data: bytes | None) -> bytes | None:
        left.clear()
        if data is None:
            return None
        job.intend(Intent(path))
        stripped = part.strip(data)
        if record is not None and record.created and stripped.empty:
            return None
        left.append(stripped.data or b"")
        return stripped.data

    try:
        policy = job.view.ground.policy(part.inside)
        change = edit_foreign(job.door, path, edit, policy=policy, backups=job.backups)
        job.view.ground.forget()
        if change == "removed":
            drop_folders(job, dirname(path))
            show(job, peer.cwd, path)
            job.ledger.drop(path)
        elif change == "written" and record is not None:
            job.ledger.keep(path, FileRecord(record.created, digest(left[0]), record.before))
    except (FileRefused, OSError) as error:
        return reason(error)
    return None
