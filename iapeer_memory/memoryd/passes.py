"""One pass: bring the index to what the vault holds, whole or only what changed. Knows no engine and no clock.

A bad note never stops a pass: it is named in the report and its last indexed copy stays. A vault that lost much at
once is not believed (a drive that went away looks just so): the fuse holds the deletions back.

Source of the fuse and of "seen before it is read": the reference core's index rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from unicodedata import normalize

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.index.port import Writer
from iapeer_memory.memoryd import scopes
from iapeer_memory.memoryd.intake import Batch, Report, content
from iapeer_memory.vault import ignore
from iapeer_memory.vault.layout import Locale
from iapeer_memory.vault.note import digest
from iapeer_memory.vault.walk import Rules

FUSE_NOTES = 10
FUSE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Vault:
    """What a pass reads: the folder, its locale, what is not walked, and whether the fuse is out."""

    root: str
    locale: Locale
    rules: Rules
    allow_mass_delete: bool = False


class Sees(Protocol):
    """Who is told what a pass comes upon."""

    def changed(self, path: str, data: bytes, *, known: bool) -> None:
        """A note says something else than the index knew, or is new to it (`known` False)."""
        ...

    def gone(self, notes: Mapping[str, str]) -> None:
        """Notes that are not in the vault any more: path → digest. What the pass has found elsewhere comes first."""
        ...


def full(
    files: Files,
    vault: Vault,
    writer: Writer,
    *,
    stop: Callable[[], bool],
    sees: Sees | None = None,
    anew: Collection[str] = (),
) -> Report:
    """Compare every note with the index, by content. `stop` is asked before each note; it may take its time there, so
    that whoever is in a hurry comes first. `anew`: notes that are put again though they did not change. Raises
    IndexBroken, IndexFailed."""
    return _run(files, vault, writer, [""], stop, sees, anew)


def partial(
    files: Files,
    vault: Vault,
    writer: Writer,
    paths: Iterable[str],
    *,
    stop: Callable[[], bool],
    sees: Sees | None = None,
) -> Report:
    """Look only at these vault-relative paths, in any composition, and at what lies below those that are folders."""
    looked = set(paths)
    if "" in looked or ignore.FILE in looked:
        return full(files, vault, writer, stop=stop, sees=sees)
    wanted = sorted(p for p in looked if not _within(p.rpartition("/")[0], looked))
    return _run(files, vault, writer, wanted, stop, sees)


def present(files: Files, root: str) -> bool:
    """Whether the vault is a folder that can be listed."""
    try:
        found = files.stat(root)
        return found is not None and found.kind == "dir" and files.list(root) is not None
    except (ProductError, OSError):
        return False


def _run(
    files: Files,
    vault: Vault,
    writer: Writer,
    looked: list[str],
    stop: Callable[[], bool],
    sees: Sees | None,
    anew: Collection[str] = (),
) -> Report:
    report = Report()
    if not present(files, vault.root):
        report.away = True
        return report
    rules = vault.rules.read(files, vault.root)
    unseen = _known(writer, looked)
    unknown: set[str] = set()
    batch = Batch(writer, report)
    for found in scopes.found(files, vault.root, rules, looked):
        if stop():
            report.stopped = True
            break
        if found.kind == "unknown":
            unknown.add(found.path)
            report.bad.append(f"{printable(found.path) or 'the vault'}: cannot be listed")
            continue
        report.seen += 1
        known = unseen.pop(found.path, None)
        if found.kind == "placeholder":
            continue
        data = content(files, vault.root, found.path, report)
        if data is None:
            if known and files.lstat(f"{vault.root}/{found.path}") is None:
                unseen[found.path] = known
        elif (changed := digest(data) != known) or found.path in anew:
            batch.add(found.path, data, vault.locale)
            if changed:
                report.paths.add(found.path)
                if sees is not None:
                    sees.changed(found.path, data, known=known is not None)
    batch.write()
    gone = {path: mark for path, mark in unseen.items() if not _within(path, unknown)}
    if gone and not report.stopped:
        _drop(files, vault, writer, rules, gone, report, sees)
    if not report.stopped:
        writer.resolve()
    return report


def _known(writer: Writer, looked: list[str]) -> dict[str, str]:
    """path → digest of the notes that the index has at and below these paths."""
    if looked == [""]:
        return dict(writer.digests())
    spelled = {form for scope in looked for form in (scope, *(normalize(name, scope) for name in ("NFC", "NFD")))}
    known = dict(writer.digests(sorted(spelled)))
    for scope in spelled:
        if not scope.endswith(".md"):
            known.update(writer.digests(below=scope))
    return known


def _drop(
    files: Files,
    vault: Vault,
    writer: Writer,
    rules: Rules,
    gone: dict[str, str],
    report: Report,
    sees: Sees | None,
) -> None:
    """Take notes out of the index that are not in the vault, unless it looks as if the vault were not whole."""
    left_out = [path for path in gone if not (rules.admits(path) and rules.takes(path))]
    lost = {path: mark for path, mark in gone.items() if path not in set(left_out)}
    if not present(files, vault.root):
        report.away = True
        return
    if not vault.allow_mass_delete and _too_much(lost, writer):
        report.held = len(lost)
        dropped = left_out
    else:
        dropped = list(gone)
    writer.forget(dropped)
    report.removed = len(dropped)
    report.paths.update(gone)
    if sees is not None:
        sees.gone({path: lost[path] for path in dropped if path in lost})


def _within(path: str, scopes: Collection[str]) -> bool:
    """Whether the path is one of the scopes or below one."""
    if not scopes:
        return False
    if "" in scopes or path in scopes:
        return True
    at = path.find("/")
    while at > 0:
        if path[:at] in scopes:
            return True
        at = path.find("/", at + 1)
    return False


def _too_much(lost: Mapping[str, str], writer: Writer) -> bool:
    """Whether so many notes vanished that the vault is not believed. A note that is elsewhere now is not lost."""
    total = writer.count()
    if len(lost) <= FUSE_NOTES and len(lost) < total:
        return False
    alive = {mark for path, mark in writer.digests().items() if path not in lost}
    count = sum(mark not in alive for mark in lost.values())
    return count > 0 and (count == total or (count > FUSE_NOTES and count > FUSE_SHARE * total))
