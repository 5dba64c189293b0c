"""One pass: bring the index to what the vault holds, whole or only what changed. Knows no engine and no clock.

A bad note never stops a pass: it is named in the report and its last indexed copy stays. A vault that lost much at
once is not believed (a drive that went away looks just so): the fuse holds the deletions back.

Source of the fuse and of "seen before it is read": the reference core's index rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.index.port import NoteRecord, Writer
from iapeer_memory.memoryd.record import record
from iapeer_memory.vault import walk
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import digest, parse
from iapeer_memory.vault.walk import Found, Rules

NOTE_LIMIT = 32 << 20
"""Bytes of a note beyond which it is not read."""

BATCH_NOTES = 100
BATCH_BYTES = 4 << 20
"""What is written in one transaction: a reader sees the pass progress, a crash loses little."""

FUSE_NOTES = 10
FUSE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Vault:
    """What a pass reads: the folder, its locale, what is not walked, and whether the fuse is out."""

    root: str
    locale: Locale
    rules: Rules
    allow_mass_delete: bool = False


@dataclass(slots=True)
class Report:
    """What a pass did, in notes. `away`: the vault was not there, nothing was done. `held`: deletions that the fuse
    held back. `stopped`: it was told to end early. `bad`: a line for each note that could not be read."""

    seen: int = 0
    written: int = 0
    removed: int = 0
    held: int = 0
    away: bool = False
    stopped: bool = False
    bad: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether the index is another one now."""
        return bool(self.written or self.removed)


def full(files: Files, vault: Vault, writer: Writer, *, stop: Callable[[], bool]) -> Report:
    """Compare every note with the index, by content."""
    return _run(files, vault, writer, [""], stop)


def partial(files: Files, vault: Vault, writer: Writer, paths: Iterable[str], *, stop: Callable[[], bool]) -> Report:
    """Look only at these vault-relative paths, and at what lies below those that are folders."""
    return _run(files, vault, writer, sorted(set(paths)), stop)


def present(files: Files, root: str) -> bool:
    """Whether the vault is a folder that can be listed."""
    try:
        found = files.stat(root)
        return found is not None and found.kind == "dir" and files.list(root) is not None
    except (ProductError, OSError):
        return False


def _run(files: Files, vault: Vault, writer: Writer, scopes: list[str], stop: Callable[[], bool]) -> Report:
    report = Report()
    if not present(files, vault.root):
        report.away = True
        return report
    known = dict(writer.digests())
    now = dict(known)
    kept: set[str] = set()
    unknown: list[str] = []
    batch: list[NoteRecord] = []
    size = 0
    for found in _found(files, vault, scopes):
        if stop():
            report.stopped = True
            break
        if found.kind == "unknown":
            unknown.append(found.path)
            report.bad.append(f"{printable(found.path) or 'the vault'}: cannot be listed")
            continue
        if found.path in kept:
            continue
        report.seen += 1
        kept.add(found.path)
        if found.kind == "placeholder":
            continue
        data = _content(files, vault, found.path, report)
        if data is None:
            if files.lstat(f"{vault.root}/{found.path}") is None:
                kept.discard(found.path)
            continue
        mark = digest(data)
        if known.get(found.path) == mark:
            continue
        now[found.path] = mark
        batch.append(record(parse(found.path, data), vault.locale))
        size += len(data)
        if len(batch) >= BATCH_NOTES or size >= BATCH_BYTES:
            report.written += _flush(writer, batch)
            size = 0
    report.written += _flush(writer, batch)
    if not report.stopped:
        looked, unseen = frozenset(scopes), frozenset(unknown)
        gone = [p for p in known if p not in kept and _within(p, looked) and not _within(p, unseen)]
        if gone and not present(files, vault.root):
            report.away = True
        elif gone and not vault.allow_mass_delete and _too_much(gone, known, now):
            report.held = len(gone)
        elif gone:
            writer.forget(gone)
            report.removed = len(gone)
    return report


def _found(files: Files, vault: Vault, scopes: list[str]) -> Iterator[Found]:
    for scope in scopes:
        if not scope:
            yield from walk.walk(files, vault.root, vault.rules)
            continue
        folder, _, name = scope.rpartition("/")
        if not vault.rules.admits(scope):
            continue
        try:
            if not _reached_without_links(files, vault.root, folder):
                continue
            stat = files.lstat(f"{vault.root}/{scope}")
            held_back = stat is None and files.lstat(f"{vault.root}/{folder}/.{name}.icloud") is not None
        except (ProductError, OSError):
            yield Found("unknown", scope)
            continue
        if held_back:
            yield Found("placeholder", scope)
        elif stat and stat.kind == "dir" and not vault.rules.skips(name):
            yield from walk.walk(files, vault.root, vault.rules, scope)
        elif stat and stat.kind == "file" and walk.is_note_name(name):
            yield Found("note", scope)


def _reached_without_links(files: Files, root: str, folder: str) -> bool:
    """Whether every step from the root to that folder is a real folder."""
    at = root
    for part in folder.split("/") if folder else ():
        at = f"{at}/{part}"
        stat = files.lstat(at)
        if stat is None or stat.kind != "dir":
            return False
    return True


def _content(files: Files, vault: Vault, path: str, report: Report) -> bytes | None:
    """The bytes of a note; None when it cannot be read, which is reported, or has just gone."""
    try:
        return files.read(f"{vault.root}/{path}", limit=NOTE_LIMIT)
    except FileNotFoundError:
        return None
    except (ProductError, OSError) as error:
        reason = error.reason if isinstance(error, ProductError) else (error.strerror or type(error).__name__)
        report.bad.append(f"{printable(path)}: {reason}")
        return None


def _flush(writer: Writer, batch: list[NoteRecord]) -> int:
    written = len(batch)
    if batch:
        writer.put(batch)
        batch.clear()
    return written


def _within(path: str, scopes: frozenset[str]) -> bool:
    """Whether the path is one of the scopes or below one."""
    if "" in scopes or path in scopes:
        return True
    at = path.find("/")
    while at > 0:
        if path[:at] in scopes:
            return True
        at = path.find("/", at + 1)
    return False


def _too_much(gone: list[str], known: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether so many notes vanished that the vault is not believed. A note that is elsewhere now is not lost."""
    missing = set(gone)
    alive = {mark for path, mark in now.items() if path not in missing}
    lost = sum(known[path] not in alive for path in gone)
    return lost > 0 and (lost == len(known) or (lost > FUSE_NOTES and lost > FUSE_SHARE * len(known)))
