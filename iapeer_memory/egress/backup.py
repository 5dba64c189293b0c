"""The store of displaced versions: every foreign file that we changed, as it was. Private, content-addressed, pruned.

`<folder>/index.jsonl` has one line a version, `<folder>/<sha256>` its bytes. Never drops the newest version of a path,
never writes through a link that was not there when the version was kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError, Unreadable, UnsafePath

INDEX = "index.jsonl"
KEEP_SECONDS = 90 * 86400.0
KEEP_BYTES = 64 << 20
ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Backup:
    """One version: its id, the path it was displaced from, its hash, its mode, when it was displaced, its size."""

    id: str
    path: str
    sha256: str
    mode: int
    time: float
    size: int


class BackupStore:
    """The store in one folder (0700). Writers hold the operation lock; readers need none."""

    __slots__ = ("_clock", "_files", "_folder", "_newest", "_ours")

    def __init__(self, files: Files, folder: str, clock: Clock, *, ours: frozenset[str] = frozenset()) -> None:
        self._files = files
        self._folder = folder
        self._clock = clock
        self._ours = ours
        self._newest: dict[str, Backup] | None = None

    def leaving_out(self, ours: frozenset[str]) -> BackupStore:
        """The same store, which does not keep versions with these hashes: bytes that we wrote ourselves."""
        return BackupStore(self._files, self._folder, self._clock, ours=ours)

    def keep(self, path: str, data: bytes, mode: int) -> Backup | None:
        """Store a version; the newest one of the path is not stored twice, one of ours not at all (None).

        `path` has its links resolved.
        """
        digest = hashlib.sha256(data).hexdigest()
        if digest in self._ours:
            return None
        if self._newest is None:
            self._newest = {entry.path: entry for entry in reversed(self.list())}
        newest = self._newest.get(path)
        if newest is not None and (newest.sha256, newest.mode) == (digest, mode):
            return newest
        now = self._clock.now()
        name = hashlib.sha256(f"{path}\0{digest}\0{now!r}".encode("utf-8", "surrogateescape")).hexdigest()[:ID_LENGTH]
        entry = Backup(name, path, digest, mode, now, len(data))
        self._files.mkdir(self._folder, mode=0o700)
        self._files.create(self._blob(digest), data, mode=0o600)
        self._files.append(self._index, index_line(entry), mode=0o600)
        self._newest[path] = entry
        return entry

    def list(self, path: str | None = None) -> tuple[Backup, ...]:
        """Newest first; of one path where one is given. A line that was torn by a crash is left out."""
        data = self._files.read_optional(self._index)
        entries = [] if data is None else [entry for line in data.split(b"\n") if (entry := parse_line(line))]
        entries.reverse()
        return tuple(entry for entry in entries if path is None or entry.path == path)

    def find(self, name: str) -> Backup:
        """The version of that id, or of the only id that starts so. Raises ProductError."""
        found = [entry for entry in self.list() if entry.id.startswith(name)] if name else []
        if len(found) == 1 or (found and found[0].id == name):
            return found[0]
        many = "more than one version" if found else "no version"
        raise ProductError(f"{many} has the id {name!r}", remedy="iapeer-memory backup list")

    def read(self, entry: Backup) -> bytes:
        """The bytes of a version. Raises Unreadable when they are gone or are not what was stored."""
        data = self._files.read_optional(self._blob(entry.sha256))
        if data is None or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise Unreadable(self._blob(entry.sha256), "the stored version is gone or damaged")
        return data

    def restore(self, entry: Backup) -> str:
        """Put a version back where it was; what is there now is kept first. Returns the path.

        Raises UnsafePath when the path leads elsewhere than it did, Unreadable, OSError.
        """
        path = entry.path
        data = self.read(entry)
        if self._files.realpath(path) != path:
            raise UnsafePath(path, "leads somewhere else than when this version was kept")
        found = self._files.lstat(path)
        if found is not None:
            if found.kind != "file" or found.links > 1:
                raise UnsafePath(path, "is not a plain file any more")
            self.keep(path, self._files.read(path), found.mode)
        self._files.write(path, data, mode=entry.mode)
        return path

    def prune(self, *, max_age: float = KEEP_SECONDS, max_bytes: int = KEEP_BYTES) -> int:
        """Drop versions that are too old or too many, oldest first; the newest of each path stays. How many went."""
        entries = self.list()
        kept = choose(entries, self._clock.now(), max_age, max_bytes)
        gone = len(entries) - len(kept)
        if gone:
            lines = b"".join(index_line(entry) for entry in reversed(kept))
            self._files.write(self._index, lines, mode=0o600)
            self._newest = None
        wanted = {entry.sha256 for entry in kept}
        for name in self._files.list(self._folder):
            if is_digest(name) and name not in wanted:
                self._files.remove(self._blob(name))
        return gone

    @property
    def _index(self) -> str:
        return f"{self._folder}/{INDEX}"

    def _blob(self, digest: str) -> str:
        return f"{self._folder}/{digest}"


def choose(entries: Sequence[Backup], now: float, max_age: float, max_bytes: int) -> tuple[Backup, ...]:
    """Which versions stay, of a list that has the newest first. Pure. A content that two share counts once."""
    paths: set[str] = set()
    newest: set[str] = set()
    total = 0
    stored: set[str] = set()
    for entry in entries:
        if entry.path not in paths:
            paths.add(entry.path)
            newest.add(entry.id)
            total += 0 if entry.sha256 in stored else entry.size
            stored.add(entry.sha256)
    kept = []
    full = False
    for entry in entries:
        if entry.id in newest:
            kept.append(entry)
            continue
        cost = 0 if entry.sha256 in stored else entry.size
        full = full or total + cost > max_bytes
        if full or now - entry.time > max_age:
            continue
        total += cost
        stored.add(entry.sha256)
        kept.append(entry)
    return tuple(kept)


def index_line(entry: Backup) -> bytes:
    """One line of the index."""
    return (json.dumps(asdict(entry)) + "\n").encode()


def parse_line(line: bytes) -> Backup | None:
    """A line of the index; None for one that is not whole."""
    try:
        raw = json.loads(line)
        entry = Backup(
            str(raw["id"]), str(raw["path"]), str(raw["sha256"]), int(raw["mode"]), float(raw["time"]), int(raw["size"])
        )
    except (ValueError, KeyError, TypeError):
        return None
    return entry if is_digest(entry.sha256) and entry.path.startswith("/") else None


def is_digest(name: str) -> bool:
    """Whether the text is a SHA-256 in hex, and thus a file of the store and nothing else."""
    return len(name) == 64 and all(c in "0123456789abcdef" for c in name)
