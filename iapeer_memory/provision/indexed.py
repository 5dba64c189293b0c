"""The index beside the vault: which notes it lacks, has in another wording, or has though they are gone. Only reads.

What changed a moment ago is left to memoryd, which waits until a note is quiet; so nothing young counts as a
difference: no text written within YOUNG seconds, no path that came to or went from a folder within them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError, printable
from iapeer_memory.index.port import Reader
from iapeer_memory.vault.note import NOTE_LIMIT, digest
from iapeer_memory.vault.walk import Rules, walk

NEWEST = 200
"""Notes whose text is looked at in a quick look. A missed change is a recent one."""

YOUNG = 60.0
"""Seconds: memoryd waits up to 15 for a note that keeps changing, and a pass takes its time."""

NAMED = 3


@dataclass(frozen=True, slots=True)
class Differences:
    """`notes`: of the vault. `missing`: not in the index. `stale`: there in another wording. `surplus`: in the index
    only. `altered`: rows that are not what was stored. `unreadable`: notes that cannot be compared."""

    notes: int
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def line(self, *, surplus: bool = True) -> str:
        """What differs, each kind with its number and a few names; "" for nothing. `surplus` False: without those."""
        kinds = {
            "missing": self.missing,
            "stale": self.stale,
            "surplus": self.surplus if surplus else (),
            "altered": self.altered,
        }
        return "; ".join(f"{len(paths)} {kind}: {named(paths)}" for kind, paths in kinds.items() if paths)


def named(paths: tuple[str, ...]) -> str:
    """A few of them."""
    shown = ", ".join(printable(path) for path in paths[:NAMED])
    return f"{shown}, …" if len(paths) > NAMED else shown


def compare(files: Files, root: str, rules: Rules, reader: Reader, *, now: float, whole: bool) -> Differences:
    """Compare. `whole`: the text of every note and every row; otherwise all paths and the newest texts. `now`: epoch
    seconds. Raises IndexBroken, IndexFailed."""
    known = reader.digests()
    altered = frozenset(reader.doubtful()) if whole else frozenset()
    vault = _Vault(files, root, now)
    for found in walk(files, root, rules.read(files, root)):
        vault.take(found.kind, found.path)
    settled = vault.settled()
    looked = settled if whole else [p for p in settled if p in known][:NEWEST] + [p for p in settled if p not in known]
    stale: list[str] = []
    missing: list[str] = []
    unreadable: list[str] = []
    for path in looked:
        mark = vault.mark(path)
        if mark is None:
            unreadable.append(path)
        elif path not in known:
            missing.append(path)
        elif path not in altered and mark != known[path]:
            stale.append(path)
    surplus = tuple(path for path in sorted(known) if vault.lacks(path))
    return Differences(
        notes=len(vault.notes),
        missing=tuple(sorted(path for path in missing if not vault.moved(path))),
        stale=tuple(sorted(stale)),
        surplus=surplus,
        altered=tuple(sorted(altered - set(surplus))),
        unreadable=tuple(sorted(unreadable)),
    )


@dataclass(slots=True)
class _Vault:
    """What the walk has found. `notes`: path → seconds of its last change."""

    files: Files
    root: str
    now: float
    notes: dict[str, float] = field(default_factory=dict)
    _held_back: set[str] = field(default_factory=set)
    _unknown: set[str] = field(default_factory=set)
    _folders: dict[str, bool] = field(default_factory=dict)

    def take(self, kind: str, path: str) -> None:
        """One answer of the walk."""
        if kind == "note":
            changed = self._changed(path)
            if changed is not None:
                self.notes[path] = changed
        else:
            (self._held_back if kind == "placeholder" else self._unknown).add(path)

    def settled(self) -> list[str]:
        """The notes that are not young, newest first."""
        old = [path for path, changed in self.notes.items() if abs(self.now - changed) > YOUNG]
        return sorted(old, key=lambda path: (-self.notes[path], path))

    def mark(self, path: str) -> str | None:
        """The digest of a note; None when it cannot be read."""
        try:
            return digest(self.files.read(f"{self.root}/{path}", limit=NOTE_LIMIT))
        except (ProductError, OSError):
            return None

    def lacks(self, path: str) -> bool:
        """Whether that path of the index has long been no note."""
        if path in self.notes or path in self._held_back or any(scope in self._unknown for scope in _upwards(path)):
            return False
        return not self.moved(path)

    def moved(self, path: str) -> bool:
        """Whether names in a folder on the way to the path have just come or gone: a move keeps a note's own time."""
        return any(self._young_folder(folder) for folder in _upwards(path)[1:])

    def _young_folder(self, folder: str) -> bool:
        if folder not in self._folders:
            changed = self._changed(folder)
            self._folders[folder] = changed is not None and abs(self.now - changed) <= YOUNG
        return self._folders[folder]

    def _changed(self, path: str) -> float | None:
        try:
            found = self.files.lstat(f"{self.root}/{path}" if path else self.root)
        except (ProductError, OSError):
            return None
        return found.mtime_ns / 1e9 if found else None


def _upwards(path: str) -> list[str]:
    """The path, then every folder above it; the vault itself, "", is the last."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts), -1, -1)]
