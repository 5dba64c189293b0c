"""Our four skills under `.claude/skills/`: one file each, written byte for byte, removed only where it is ours.

A file is ours when it holds what we would write, when the ledger says that we wrote those bytes, or when a file of
our name says in its own head that it is ours. Never removes a folder that holds anything else, never goes through a
link.
Source: the reference package's skills chapter (names, prefix).
"""

from __future__ import annotations

from os.path import dirname

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.domain.paths import PRODUCT
from iapeer_memory.domain.peer import Peer
from iapeer_memory.egress.foreign import edit_foreign
from iapeer_memory.surfaces.ahead import Intent
from iapeer_memory.surfaces.exclude import show
from iapeer_memory.surfaces.folders import drop_folders, making
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.judged import reason
from iapeer_memory.surfaces.ledger import FileRecord, digest, key_of
from iapeer_memory.surfaces.part import OK, Kind, Verdict
from iapeer_memory.surfaces.place import given_up, may_put, note_placed
from iapeer_memory.surfaces.state import SurfaceOutcome
from iapeer_memory.surfaces.view import View
from iapeer_memory.surfaces.want import SKILLS

SURFACE = "skills"
PREFIX = f"{PRODUCT}-"


def folder(cwd: str) -> str:
    """Where Claude looks for a project's skills."""
    return f"{cwd}/.claude/skills"


def skill_path(cwd: str, name: str) -> str:
    """A skill's one file."""
    return f"{cwd}/.claude/skills/{name}/SKILL.md"


def look(view: View, cwd: str, names: tuple[str, ...]) -> Verdict:
    """Whether every skill is there as we write it. A file that the team tracks is the team's."""
    missing: list[str] = []
    drifted: list[str] = []
    for name in names:
        path = skill_path(cwd, name)
        try:
            data = view.ground.read(path, cwd)
        except FileRefused as error:
            return Verdict("refused", error.line(), error.remedy)
        if data == view.skill(name) or view.is_team_file(cwd, path):
            continue
        (missing if data is None else drifted).append(name)
    if not missing and not drifted:
        return OK
    kind: Kind = "missing" if len(missing) == len(names) else "drift"
    parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"drifted: {', '.join(drifted)}"] * bool(drifted)
    return Verdict(kind, "; ".join(parts))


def put(job: Job, peer: Peer, names: tuple[str, ...], verdict: Verdict) -> SurfaceOutcome:
    """Write the skills that are missing or different."""
    key = key_of(peer.personality, "claude", SURFACE)
    place = folder(peer.cwd)
    if verdict.kind == "ok":
        job.ledger.placed[key] = place
        return SurfaceOutcome(SURFACE, "already", place)
    if verdict.kind == "refused":
        return SurfaceOutcome(SURFACE, "failed", place, verdict.detail)
    if not may_put(job, key, place, verdict):
        return given_up(peer, "claude", SURFACE, place)
    problems: list[str] = []
    for name in names:
        path = skill_path(peer.cwd, name)
        try:
            if not job.view.is_team_file(peer.cwd, path):
                write(job, peer.cwd, path, job.view.skill(name))
        except (FileRefused, OSError) as error:
            problems.append(reason(error))
    if problems:
        return SurfaceOutcome(SURFACE, "failed", place, "; ".join(problems))
    note_placed(job, key, place, verdict)
    return SurfaceOutcome(SURFACE, "written", place)


def write(job: Job, cwd: str, path: str, body: bytes) -> None:
    """Write one skill. Raises FileRefused, OSError."""
    old = job.ledger.record(path)
    last: list[FileRecord] = []

    def edit(data: bytes | None) -> bytes:
        last[:] = [FileRecord(created=data is None or (old is not None and old.created), after=digest(body))]
        if data != body:
            job.intend(Intent(path, last[0].after, last[0], made))
        return body

    policy = job.view.ground.policy(cwd)
    with making(job, dirname(path), cwd) as made:
        change = edit_foreign(job.door, path, edit, policy=policy, backups=job.backups, mode=0o644)
    if change == "written":
        job.ledger.keep(path, last[0])


def take(job: Job, peer: Peer, names: tuple[str, ...]) -> SurfaceOutcome:
    """Remove our skills, those of older versions under our prefix included."""
    place = folder(peer.cwd)
    removed = 0
    kept: list[str] = []
    problems: list[str] = []
    for name in dict.fromkeys((*names, *extra_names(job.view, peer.cwd))):
        path = skill_path(peer.cwd, name)
        try:
            there = job.view.ground.read(path, peer.cwd)
            if there is None:
                if path in job.ledger.records:
                    clean_up(job, peer.cwd, path)
                else:  # a run that was killed may have hidden it and no more
                    drop_folders(job, dirname(path))
                    show(job, peer.cwd, path)
                continue
            if not is_ours(job, path, name, there):
                kept.append(name)
                continue
            change = edit_foreign(
                job.door,
                path,
                lambda data, there=there: None if data == there else data,  # type: ignore[misc]
                policy=job.view.ground.policy(peer.cwd),
                backups=job.backups,
            )
            if change == "removed":
                removed += 1
                clean_up(job, peer.cwd, path)
        except (FileRefused, OSError) as error:
            problems.append(reason(error))
    job.ledger.forget(key_of(peer.personality, "claude", SURFACE))
    if problems:
        return SurfaceOutcome(SURFACE, "failed", place, "; ".join(problems))
    detail = f"left alone, not ours: {', '.join(kept)}" if kept else ""
    return SurfaceOutcome(SURFACE, "removed" if removed else "absent", place, detail)


def clean_up(job: Job, cwd: str, path: str) -> None:
    """After a skill is gone: its folder, those above that we made, the exclude line, the record."""
    recorded = path in job.ledger.records
    job.ledger.drop(path)
    if recorded:
        drop_folders(job, dirname(path))
    else:  # written by another tool of the same layout: its empty folders go with it
        for place in (dirname(path), folder(cwd), dirname(folder(cwd))):
            stat = job.door.files.lstat(place)
            if stat is None or stat.kind != "dir" or not job.door.files.rmdir(place):
                break
    show(job, cwd, path)


def extra_names(view: View, cwd: str) -> tuple[str, ...]:
    """Folders under our prefix, none when `skills` is not a real folder."""
    place = folder(cwd)
    stat = view.files.lstat(place)
    if stat is None or stat.kind != "dir":
        return ()
    return tuple(name for name in view.files.list(place) if name.startswith(PREFIX))


def is_ours(job: Job, path: str, name: str, data: bytes) -> bool:
    """By the ledger's digest, by the bytes that we would write, or by the file's own head."""
    record = job.ledger.record(path)
    if record is not None and record.after == digest(data):
        return True
    if name in SKILLS and data == job.view.skill(name):
        return True
    head = data[:2048].replace(b"\r\n", b"\n").split(b"\n---", 1)[0]
    return head.startswith(b"---") and f"name: {name}".encode() in head.split(b"\n")
