"""What was written to a note's file after a change had displaced it: taken from the spool into history.

Somebody who had the file open goes on writing to it, unaware. As soon as nobody can any more, its bytes are looked at.
What differs from what the change had seen is kept, and put back into the vault where nobody has written since: whoever
wrote last wins. Never removes what has not been read.
"""

from __future__ import annotations

from dataclasses import dataclass

from iapeer_memory.domain.door import Files
from iapeer_memory.egress.notefile import Place, VaultRoot, temp_token
from iapeer_memory.egress.noteseen import ANYBODY, Seen
from iapeer_memory.notes.history import History
from iapeer_memory.notes.log import has_version, records
from iapeer_memory.notes.record import Record
from iapeer_memory.notes.write import NoteWriter
from iapeer_memory.vault.sha256 import sha256_hex

GRACE = 5.0
"""Seconds that a displaced file lies untouched; nobody opens a path and takes longer to write to it first."""
STALE = 60.0
"""Seconds after which a temp in the vault has no writer that lives."""


@dataclass(frozen=True, slots=True)
class Late:
    """A version that would have been lost. `path`: the note's; "" where the log does not know it any more.

    `restored`: whether it stands in the vault now; otherwise somebody had written the note since, or it was empty.
    """

    path: str
    digest: str
    restored: bool


def take_in(
    files: Files, history: History, writer: NoteWriter, *, now: float, grace: float = GRACE
) -> tuple[Late, ...]:  # fmt: skip
    """Look at everything in the spool that has lain there for `grace` seconds; what was late. Raises OSError."""
    if not files.list(f"{history.folder}/spool"):
        return ()
    root = VaultRoot(f"{history.folder}/spool", uid=ANYBODY)
    try:
        found: list[Late] = []
        for name in files.list(root.path):
            place = root.place(name, "read")
            if isinstance(place, Seen):
                continue
            with place:
                late = look_at(place, name, files, history, writer, now - grace)
                if late is not None:
                    found.append(late)
        return tuple(found)
    finally:
        root.close()


def sweep(
    root: VaultRoot, folder: str, files: Files, history: History, writer: NoteWriter, *, now: float, age: float = STALE
) -> tuple[Late, ...]:
    """Take in the temps that a killed writer has left in one folder of the vault ("" for the root itself)."""
    place = root.place(f"{folder}/x" if folder else "x", "sweep")
    if isinstance(place, Seen):
        return ()
    with place:
        names = [name for name in place.names() if temp_token(name) is not None]
    found: list[Late] = []
    for name in names:
        temp = root.place(f"{folder}/{name}" if folder else name, "sweep")
        if isinstance(temp, Seen):
            continue
        with temp:
            late = look_at(temp, name, files, history, writer, now - age)
            if late is not None:
                found.append(late)
    return tuple(found)


def sweep_all(
    root: VaultRoot, files: Files, history: History, writer: NoteWriter, *, now: float
) -> tuple[Late, ...]:  # fmt: skip
    """`sweep` every folder of the vault but the hidden ones, following no link; for a start, or once a day."""
    found: list[Late] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        found += sweep(root, folder, files, history, writer, now=now)
        for name in files.list(f"{root.path}/{folder}" if folder else root.path):
            path = f"{folder}/{name}" if folder else name
            if not name.startswith(".") and not name.endswith(".md"):
                below = files.lstat(f"{root.path}/{path}")
                if below is not None and below.kind == "dir":
                    folders.append(path)
    return tuple(found)


def look_at(
    place: Place, name: str, files: Files, history: History, writer: NoteWriter, before: float
) -> Late | None:  # fmt: skip
    """One displaced file or temp: removed when nothing of it can be lost; its late version, where there is one."""
    seen = place.see(patience=0.0)
    if seen.found is None or seen.found.st_ctime > before:
        return None
    if place.is_half_written():
        place.drop(place.name)
        return None
    if seen.status != "note":
        return None
    digest = sha256_hex(seen.data)
    token, _, known = name.partition(".") if temp_token(name) is None else (temp_token(name) or "", "", "")
    if digest == known:
        place.drop(place.name)
        return None
    record = record_of(files, history, token)
    if record is not None and digest in (record.digest, record.after) and is_safe(files, history, record, digest):
        place.drop(place.name)
        return None
    path = "" if record is None else record.path
    history.keep(path, seen.data, event="late", token=token, durable=True)
    restored = record is not None and put_back(writer, record, seen.data)
    place.drop(place.name)
    return Late(path, digest, restored)


def is_safe(files: Files, history: History, record: Record, digest: str) -> bool:
    """Whether these bytes are in history, or are only the text that a change was about to write."""
    return digest == record.after or has_version(files, history.folder, digest)


def put_back(writer: NoteWriter, record: Record, data: bytes) -> bool:
    """Let what was written last win, where the note is still as the change has left it."""
    if not data or not record.after:
        return False

    def newest(now: bytes) -> bytes:
        return data if sha256_hex(now) == record.after else now

    return writer.change(record.path, newest, event="displaced").status == "written"


def record_of(files: Files, history: History, token: str) -> Record | None:
    """The record of the change that a token names."""
    if not token:
        return None
    field = b"\t" + token.encode() + b"\t"
    found = records(files, history.folder, wanted=lambda text: field in text, newest_first=True)
    return next((record for record in found if record.token == token and record.after), None)
