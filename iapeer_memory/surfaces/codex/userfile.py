"""Our values in the user's own Codex configuration: trust records, trusted folders, writable folders, a server.

Several peers may lean on one value, so each is kept with its users in the ledger and goes when the last one goes.
Everything that a sweep wants is written in one edit at its end. Never changes a value that is not ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.edits.ops import Append, Delete, Edited, Op, Set, get, satisfied
from iapeer_memory.edits.toml_edit import edit_toml, load_toml
from iapeer_memory.egress.foreign import edit_foreign
from iapeer_memory.surfaces.ahead import Intent
from iapeer_memory.surfaces.folders import drop_folders, making
from iapeer_memory.surfaces.job import Job
from iapeer_memory.surfaces.judged import reason
from iapeer_memory.surfaces.ledger import FileRecord, Share, digest
from iapeer_memory.surfaces.part import is_exact, undo

BULK = ("hooks", "projects")
"""Top tables that hold one table a peer: where one is not there yet it is added whole, in one step."""


def flush(job: Job) -> str | None:
    """Write what the sweep collected; None when that went well, else why not (nothing was written then)."""
    leaving = frozenset(job.leaving)
    job.leaving.clear()
    problem = release(job, leaving) if leaving else None
    wanted = tuple(job.shares)
    job.shares.clear()
    if not wanted:
        return problem
    path = job.view.codex_config
    record = job.ledger.record(path)
    known = job.ledger.shares.get(path, ())
    last: list[Intent] = []

    def edit(data: bytes | None) -> bytes | None:
        as_left = record is not None and data is not None and digest(data) == record.after
        since = record.undo if as_left and record is not None else None
        edited = edit_toml(data, additions(data, wanted, path), name=path, since=dict(since) if since else None)
        whole = (record is None or as_left) and (record is None or record.undo is not None)
        left = FileRecord(
            created=data is None or (record is not None and record.created),
            after=digest(edited.data or b""),
            before=record.before if record is not None else None if data is None else digest(data),
            undo=edited.undo if whole else None,
        )
        ours = {key_of(share) for share in known} | {key_of(share) for share in there_by_us(data, wanted, path)}
        shares = joined(known, [share for share in wanted if key_of(share) in ours])
        last[:] = [Intent(path, left.after, left, made, shares=shares)]
        if edited.data != data:
            job.intend(last[0])
        return edited.data

    try:
        policy = job.view.ground.policy(None)
        with making(job, job.view.settings.codex_home, None) as made:
            change = edit_foreign(job.door, path, edit, policy=policy, backups=job.backups, mode=0o600)
    except (FileRefused, OSError) as error:
        return reason(error)
    job.view.forget_user_files()
    if change == "written" and last[0].record is not None:
        job.ledger.keep(path, last[0].record)
    if last[0].shares:
        job.ledger.shares[path] = last[0].shares
    job.noted = None
    return None


def key_of(share: Share) -> object:
    """What makes two shares one value."""
    return share.path, str(share.value) if share.append else None


def additions(data: bytes | None, wanted: Sequence[Share], path: str) -> list[Op]:
    """The edits for the values; a top table that is not there yet is added in one."""
    doc = {} if data is None else load_toml(data, path)
    ops: list[Op] = []
    whole: dict[str, Any] = {}
    for share in {key_of(share): share for share in wanted}.values():
        op: Op = Append(share.path, share.value) if share.append else Set(share.path, share.value)
        top = share.path[0]
        if satisfied(doc, op):
            continue
        if top in BULK and top not in doc and not share.append:
            place: Any = whole.setdefault(str(top), {})
            for part in share.path[1:-1]:
                place = place.setdefault(part, {})
            place[share.path[-1]] = share.value
        else:
            ops.append(op)
    return [*(Set((top,), value) for top, value in whole.items()), *ops]


def there_by_us(before: bytes | None, wanted: Sequence[Share], path: str) -> tuple[Share, ...]:
    """Those that were not there before us."""
    doc = {} if before is None else load_toml(before, path)
    return tuple(s for s in wanted if not satisfied(doc, Append(s.path, s.value) if s.append else Set(s.path, s.value)))


def joined(old: Sequence[Share], new: Sequence[Share]) -> tuple[Share, ...]:
    """One entry a value, with all its users; a new value at the same path replaces the old one."""
    found: dict[object, Share] = {}
    users: dict[object, dict[str, None]] = {}
    for share in (*old, *new):
        key = key_of(share)
        found[key] = share
        users.setdefault(key, {}).update(dict.fromkeys(share.users))
    return tuple(Share(s.path, s.value, tuple(users[key]), s.append) for key, s in found.items())


def is_noted(job: Job, share: Share) -> bool:
    """Whether the value is in the ledger with all these users."""
    if job.noted is None:
        known = job.ledger.shares.get(job.view.codex_config, ())
        job.noted = frozenset((key_of(s), user) for s in known for user in s.users)
    return all((key_of(share), user) in job.noted for user in share.users)


def leans(job: Job, user: str) -> bool:
    """Whether a value of ours in the file is this peer's."""
    return any(user in share.users for share in job.ledger.shares.get(job.view.codex_config, ()))


def release(job: Job, leaving: frozenset[str]) -> str | None:
    """Take peers off all their values; those without users go from the file. None, or what went wrong."""
    path = job.view.codex_config
    old = job.ledger.shares.get(path, ())
    left: list[Share] = []
    gone: list[Share] = []
    for share in old:
        users = tuple(user for user in share.users if user not in leaving)
        (left if users else gone).append(Share(share.path, share.value, users, share.append))
    record = job.ledger.record(path)
    if gone:
        last: list[Edited] = []

        def edit(data: bytes | None) -> bytes | None:
            last.clear()
            if data is None:
                return None
            job.intend(Intent(path))
            as_left = record is not None and digest(data) == record.after
            if as_left and not left and record is not None and record.undo is not None and is_exact(record.undo):
                return undo(data, dict(record.undo), path)
            since = dict(record.undo) if as_left and record is not None and record.undo is not None else None
            edited = edit_toml(data, removals(data, gone, path), name=path, since=since)
            if edited.empty and record is not None and record.created:
                return None
            last[:] = [edited]
            return edited.data

        try:
            change = edit_foreign(job.door, path, edit, policy=job.view.ground.policy(None), backups=job.backups)
            if change == "removed":
                drop_folders(job, job.view.settings.codex_home)
        except (FileRefused, OSError) as error:
            return reason(error)
        job.view.forget_user_files()
        if not left:
            job.ledger.drop(path)
        elif change == "written" and record is not None and last:
            job.ledger.keep(
                path,
                FileRecord(
                    record.created, digest(last[0].data or b""), record.before, last[0].undo if record.undo else None
                ),
            )
    if left:
        job.ledger.shares[path] = tuple(left)
    else:
        job.ledger.shares.drop(path)
    job.noted = None
    return None


def removals(data: bytes, gone: Sequence[Share], path: str) -> list[Op]:
    """The edits that take our values out, where they are still ours."""
    doc = load_toml(data, path)
    ops: list[Op] = []
    for share in gone:
        found = get(doc, share.path)
        if share.append and isinstance(found, list):
            last_first = range(len(found) - 1, -1, -1)
            ops += [Delete((*share.path, i), prune=True) for i in last_first if found[i] == share.value]
        elif not share.append and found == share.value:
            ops.append(Delete(share.path, prune=True))
    return ops
