"""Files of somebody else: which of them we may touch, and how one is changed without losing a byte of anybody's.

read → edit → look again just before the rename → replace, with the displaced version in the backup store. Whatever is
off is a refusal, and a refusal writes nothing. Never follows a link out of a folder that is not trusted, never opens
what could block, never edits a file that has a second name.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from iapeer_memory.domain.door import Door, Files, FileStat
from iapeer_memory.domain.errors import ChangedUnderneath, UnsafePath
from iapeer_memory.egress.backup import BackupStore

Change = Literal["written", "already", "removed", "absent"]
LIMIT = 10_000_000
"""Bytes; a configuration file that is larger is not one."""
TRIES = 4
KIND_WORDS = {"fifo": "a named pipe", "socket": "a socket", "device": "a device", "dir": "a folder", "link": "a link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How far a path may lead.

    `inside`: the folder that a path and every link in it must stay in; None for user-level files, whose links may
    lead to any file of `uid`. `follow`: places outside that the user has named. `uid`: ours; files of root are
    accepted as well.
    """

    inside: str | None
    follow: tuple[str, ...] = ()
    uid: int


def resolve(files: Files, path: str, policy: Policy) -> str:
    """The path to read and to replace, with every link of it that we may follow followed.

    The file itself may be absent; a link that leads nowhere may not. Raises UnsafePath, Unreadable.
    """
    return locate(files, path, policy)[0]


def read_foreign(files: Files, path: str, policy: Policy) -> bytes | None:
    """The file's bytes, None when absent. Raises UnsafePath, Unreadable."""
    place, found = locate(files, path, policy)
    return None if found is None else files.read_optional(place, limit=LIMIT)


def edit_foreign(
    door: Door,
    path: str,
    edit: Callable[[bytes | None], bytes | None],
    *,
    policy: Policy,
    backups: BackupStore | None,
    mode: int | None = None,
) -> Change:
    """Change a file by a function of its bytes (None: absent; None back: remove).

    The function may run several times: once more for each foreign write that comes between. `mode`: for a file that
    is new; an old one keeps its own. Raises UnsafePath, Unreadable, ChangedUnderneath, OSError and whatever `edit`
    raises; then nothing has been written.
    """
    files = door.files
    for _ in range(TRIES):
        place, found = locate(files, path, policy)
        old = None if found is None else files.read_optional(place, limit=LIMIT)
        if old is None:
            found = None
        new = edit(old)
        if new == old:
            return "absent" if old is None else "already"

        def look_again(place: str = place, found: FileStat | None = found, old: bytes | None = old) -> None:
            if locate(files, path, policy) != (place, found) or files.read_optional(place, limit=LIMIT) != old:
                raise ChangedUnderneath(path, "somebody else keeps writing it", remedy="run the same command again")

        if old is not None and found is not None and backups is not None:
            backups.keep(files.realpath(place), old, found.mode)
        try:
            if new is None:
                look_again()
                files.remove(place)
                return "removed"
            files.write(place, new, mode=mode if old is None else None, before=look_again)
        except ChangedUnderneath as error:
            changed = error
            continue
        return "written"
    raise changed


def locate(files: Files, path: str, policy: Policy) -> tuple[str, FileStat | None]:
    """(the path as `resolve` gives it, what is there)."""
    if not path.startswith("/") or "\0" in path:
        raise UnsafePath(path, "is not an absolute path")
    if policy.inside is None:
        return user_level(files, path, policy)
    return below(files, path, policy.inside, policy)


def user_level(files: Files, path: str, policy: Policy) -> tuple[str, FileStat | None]:
    """A file of the user: links may lead anywhere, to a plain file of the user."""
    found = files.lstat(path)
    place = path
    if found is not None and found.kind == "link":
        place = files.realpath(path)
        found = files.lstat(place)
        if found is None or found.kind == "link":
            raise leads_nowhere(path)
        if found.uid != policy.uid:
            raise UnsafePath(path, f"is a link to a file of another user (uid {found.uid})")
    check_file(path, found, policy)
    return place, found


def below(files: Files, path: str, inside: str, policy: Policy) -> tuple[str, FileStat | None]:
    """A file under a folder that may be hostile: each component is looked at before it is gone through."""
    top = inside.rstrip("/")
    if not path.startswith(top + "/"):
        raise UnsafePath(path, f"is not inside {inside}")
    place = top
    parts = path[len(top) + 1 :].split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise UnsafePath(path, "is not a plain path")
    last = len(parts) - 1
    for at, part in enumerate(parts):
        place = f"{place}/{part}"
        found = files.lstat(place)
        if found is not None and found.kind == "link":
            place, found = follow(files, place, inside, policy)
        if found is None:
            return "/".join((place, *parts[at + 1 :])), None
        if at == last:
            check_file(path, found, policy)
            return place, found
        if found.kind != "dir":
            aside = f"mv {shlex.quote(place)} {shlex.quote(place + '.aside')}"
            raise UnsafePath(path, f"{place} is {KIND_WORDS.get(found.kind, 'a file')}, not a folder", remedy=aside)
        if found.uid not in (policy.uid, 0):
            raise UnsafePath(path, f"{place} belongs to another user (uid {found.uid})")
    raise AssertionError("a path has at least one part")


def follow(files: Files, link: str, inside: str, policy: Policy) -> tuple[str, FileStat]:
    """Where a link below a hostile folder leads, if it may be followed."""
    target = files.realpath(link)
    found = files.lstat(target)
    if found is None or found.kind == "link":
        raise leads_nowhere(link)
    allowed = (files.realpath(inside), *(files.realpath(place) for place in policy.follow))
    if not any(target == place or target.startswith(place.rstrip("/") + "/") for place in allowed):
        raise UnsafePath(
            link,
            f"is a link that leaves its folder, to {target}",
            remedy=f"iapeer-memory update --follow {shlex.quote(target)}",
        )
    return target, found


def check_file(path: str, found: FileStat | None, policy: Policy) -> None:
    """Refuse what is not a plain file of ours with one name."""
    if found is None:
        return
    if found.kind != "file":
        aside = f"mv {shlex.quote(path)} {shlex.quote(path + '.aside')}"
        raise UnsafePath(path, f"is {KIND_WORDS.get(found.kind, found.kind)}, not a file", remedy=aside)
    if found.uid not in (policy.uid, 0):
        raise UnsafePath(path, f"belongs to another user (uid {found.uid})")
    if found.links > 1:
        copy = shlex.quote(path + ".copy")
        raise UnsafePath(
            path,
            f"has {found.links} names (hard links); changing one would part them",
            remedy=f"cp -p {shlex.quote(path)} {copy} && mv {copy} {shlex.quote(path)}",
        )


def leads_nowhere(link: str) -> UnsafePath:
    """The refusal of a dangling link."""
    return UnsafePath(link, "is a link that leads nowhere", remedy=f"rm {shlex.quote(link)}")
