"""What we put where: `ledger.json` in the state directory, machine-owned. Pure: bytes in, values out.

It lets removal give back a foreign file to the byte, tells our untracked files from the team's, and remembers which
surfaces their owner took out by hand. It holds no foreign text beyond what an undo needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from shlex import quote
from typing import Any, TypeVar

from iapeer_memory.domain.errors import Malformed

V = TypeVar("V")
SCHEMA = 1
FIGHT_LIMIT = 2
"""A surface that its owner removed this often is asked about, not fought."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What we did to one foreign file.

    created: it was not there before us. undo: the editor's own value, None where only our keys can be taken out.
    before, after: sha256 of the bytes before our first and after our last write.
    """

    created: bool
    after: str
    before: str | None = None
    undo: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """One value of ours in a file that several peers lean on: where, what, and which of them (`name:harness`)."""

    path: tuple[str | int, ...]
    value: Any
    users: tuple[str, ...]
    append: bool = False


class Book(dict[str, V]):
    """A dict that knows whether anything in it was changed by item assignment or `pop`."""

    __slots__ = ("changed",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.changed = False

    def __setitem__(self, key: str, value: V) -> None:
        if key not in self or self[key] != value:
            self.changed = True
            super().__setitem__(key, value)

    def drop(self, key: str) -> None:
        """Without the key, if it is there."""
        if key in self:
            self.changed = True
            del self[key]


@dataclass(slots=True)
class Ledger:
    """The working copy of one command. The caller loads it once, and saves `dump` once, if it has `changed`.

    records: what we did to each foreign file, as it stands in the ledger (see `record`, `keep`, `drop`). folders:
    those that we made. excludes: lines we added, by exclude file. placed: `personality:harness:surface` → the file
    that holds it. removed: how often its owner took it out. shares: values of ours in a user-level file, by file.
    """

    records: Book[dict[str, Any]] = field(default_factory=Book)
    excludes: Book[tuple[str, ...]] = field(default_factory=Book)
    placed: Book[str] = field(default_factory=Book)
    removed: Book[int] = field(default_factory=Book)
    shares: Book[tuple[Share, ...]] = field(default_factory=Book)
    folders: Book[None] = field(default_factory=Book)

    @property
    def changed(self) -> bool:
        """Whether it holds anything else than when it was loaded."""
        books = (self.records, self.excludes, self.placed, self.removed, self.shares, self.folders)
        return any(book.changed for book in books)

    def dump(self) -> bytes:
        """The file's bytes; equal ledgers give equal bytes."""
        raw = {
            "schema": SCHEMA,
            "files": dict(sorted(self.records.items())),
            "folders": sorted(self.folders),
            "excludes": {path: list(lines) for path, lines in sorted(self.excludes.items())},
            "placed": dict(sorted(self.placed.items())),
            "removed_by_hand": dict(sorted(self.removed.items())),
            "shares": {path: [dump_share(s) for s in shares] for path, shares in sorted(self.shares.items())},
        }
        return (json.dumps(raw, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "surrogateescape")

    def record(self, path: str) -> FileRecord | None:
        """What we did to the file. A record that cannot be read is none: then only our keys can be taken out."""
        raw = self.records.get(path)
        try:
            return None if raw is None else load_record(raw)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def keep(self, path: str, record: FileRecord) -> None:
        """Note what we did to the file."""
        self.records[path] = dump_record(record)

    def drop(self, path: str) -> None:
        """The file holds nothing of ours any more."""
        self.records.drop(path)

    def forget(self, key: str) -> None:
        """The surface is gone by our own hand."""
        self.placed.drop(key)
        self.removed.drop(key)


def key_of(personality: str, harness: str, surface: str) -> str:
    """`personality:harness:surface`."""
    return f"{personality}:{harness}:{surface}"


def digest(data: bytes) -> str:
    """sha256 in hex."""
    return sha256(data).hexdigest()


def dump_record(record: FileRecord) -> dict[str, Any]:
    """A record without the fields that say nothing."""
    raw: dict[str, Any] = {"after": record.after}
    if record.created:
        raw["created"] = True
    if record.before is not None:
        raw["before"] = record.before
    if record.undo is not None:
        # As text: a big ledger must stay cheap to load when nothing of it is needed.
        raw["undo"] = json.dumps(dict(record.undo), ensure_ascii=False, separators=(",", ":"))
    return raw


def dump_share(share: Share) -> dict[str, Any]:
    """One shared value."""
    raw: dict[str, Any] = {"path": list(share.path), "value": share.value, "users": list(share.users)}
    if share.append:
        raw["append"] = True
    return raw


def load(data: bytes | None, path: str) -> Ledger:
    """Read the file; None gives an empty ledger. Raises Malformed."""
    if data is None:
        return Ledger()
    remedy = f"mv {quote(path)} {quote(path + '.broken')} && iapeer-memory update"
    try:
        raw = json.loads(data.decode("utf-8", "surrogateescape"))
        if raw["schema"] != SCHEMA:
            raise Malformed(path, f"not a ledger of schema {SCHEMA}", remedy=remedy)
        return Ledger(
            records=Book(raw["files"]),
            folders=Book(dict.fromkeys(map(str, raw["folders"]))),
            excludes=Book({str(name): tuple(map(str, lines)) for name, lines in raw["excludes"].items()}),
            placed=Book({str(key): str(value) for key, value in raw["placed"].items()}),
            removed=Book({str(key): int(count) for key, count in raw["removed_by_hand"].items()}),
            shares=Book({str(name): tuple(map(load_share, shares)) for name, shares in raw["shares"].items()}),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise Malformed(path, "not a ledger of ours", line_number=line, remedy=remedy) from None


def load_record(raw: Mapping[str, Any]) -> FileRecord:
    """One record. Raises KeyError, TypeError or ValueError."""
    before = raw.get("before")
    undo = json.loads(raw["undo"]) if "undo" in raw else None
    if not (undo is None or isinstance(undo, dict)) or not (before is None or isinstance(before, str)):
        raise ValueError("a file record has the wrong shape")
    return FileRecord(
        created=raw.get("created") is True,
        after=str(raw["after"]),
        before=before,
        undo=undo,
    )


def load_share(raw: Mapping[str, Any]) -> Share:
    """One shared value. Raises KeyError, TypeError or ValueError."""
    path = tuple(raw["path"])
    if not path or not all(isinstance(part, str | int) for part in path):
        raise ValueError("a shared value has no path")
    return Share(path, raw["value"], tuple(map(str, raw["users"])), raw.get("append") is True)
